"""What all networks with part-guided features have in common: PGAN's maps F_g and F_p, and features of both."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pipeline.networks.backbone import Backbone
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.tensors import channels_last, normalise
from pipeline.reid.blocks.part_guidance import GuidanceParams, PartGuidance, part_guided
from pipeline.reid.blocks.refine import Refine, RefineParams
from pipeline.reid.network import Attention, ReidBatch, ReidNetwork, ReidShapeParams


class GuidedMaps(NamedTuple):
    """Feature maps of a batch and what guided the second.

    Attributes:
        first: `(B, C', H', W')` float32, what the backbone's first stage gives.
        whole: `(B, C, H, W)` float32, F_g.
        guided: `(B, C, H, W)` float32, F_p.
        attention: What made F_p of F_g.
    """

    first: Tensor
    whole: Tensor
    guided: Tensor
    attention: Attention


class GuidedNetwork(ReidNetwork):
    """A backbone whose map parts guide (PGAN fig. 2, up to F_p).

    Args:
        shape: What it shares with other models.
        params: What guides attention.
        dimensions: Lengths of the blocks a test feature consists of.
    """

    def __init__(self, shape: ReidShapeParams, params: GuidanceParams, dimensions: tuple[int, ...]) -> None:
        super().__init__(shape, dimensions)
        self.backbone = Backbone(shape)
        self.guidance = PartGuidance(self.backbone.width, self.backbone.cells(shape.input_size), params)
        self.top_d = self.boxes_read = self.guidance.top_d
        self.attention_cells = self.guidance.attention_cells

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Give the backbone ImageNet weights."""
        self.backbone.load_pretrained(pretrained)

    def guided_maps(self, batch: ReidBatch) -> GuidedMaps:
        """Maps of a batch."""
        first = self.backbone.stem(channels_last(normalise(batch.images)))
        whole = self.backbone.layer4(first)
        attention = self.guidance(whole, batch.boxes)
        return GuidedMaps(first, whole, part_guided(whole, attention.cells), attention)


class GuidedRefinement(nn.Module):
    """Features of F_g and F_p, of both together and of each (PGAN §3.4).

    The paper gives F_f 2C' channels and F_g and F_p C' each after "Refine" but not whether one block serves all
    three; here each map has its own, and those of F_g and F_p serve training only.

    Args:
        width: C, channels of each map.
        dimension: 2C', length of the feature of both together; a multiple of 8.
        params: Layers of each refinement.
    """

    def __init__(self, width: int, dimension: int, params: RefineParams) -> None:
        super().__init__()
        self.fused = Refine(2 * width, dimension, params)
        self.whole = Refine(width, dimension // 2, params)
        self.part = Refine(width, dimension // 2, params)

    def forward(self, maps: GuidedMaps) -> Tensor:
        """Feature of both maps together: `(B, 2C')` float32."""
        return self.fused(torch.cat([maps.whole, maps.guided], dim=1))  # type: ignore[no-any-return]

    def of_each(self, maps: GuidedMaps) -> dict[str, Tensor]:
        """Features ``global`` of F_g and ``part`` of F_p, `(B, C')` float32 each, as PGAN (5) names their losses."""
        return {"global": self.whole(maps.whole), "part": self.part(maps.guided)}
