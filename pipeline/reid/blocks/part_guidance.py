"""Part guidance: the part-guided feature map F_p of PGAN, from part boxes or, for its ablations, without them."""

from typing import Literal

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from pipeline.networks.cells import Cells
from pipeline.reid.blocks.masked_mean import mask_guided_mean
from pipeline.reid.blocks.part_attention import AttentionParams, PartAttentionModule
from pipeline.reid.blocks.part_grid import rasterise, top_boxes
from pipeline.reid.network import Attention
from pipeline.store.params import parameters


@parameters
class GuidanceParams(AttentionParams):
    """What guides attention."""

    top_d: NonNegativeInt = 8
    """D, part boxes per image (PGAN table 5: 0, 4, 6, 8, 10)."""
    attention: Literal["parts", "uniform", "grid"] = "parts"
    """What PAM weighs: ``parts``; ``uniform``: nothing, all parts count alike ("PGAN w/o PAM"); ``grid``: every cell of
    the map, and no parts ("grid attention", PGAN table 2)."""


class PartGuidance(nn.Module):
    """Weighs regions of a feature map, PGAN (4); `part_guided` strengthens the map there.

    Args:
        channels: C, channels of the map.
        cells: Of the map.
        params: Which regions, and how they are weighed.

    Attributes:
        cells: As given.
        inputs: Caches it reads beside the images, as `ReidNetwork.inputs`.
        top_d: D, the boxes it reads; 0 on the grid.
        attention_cells: As `ReidNetwork.attention_cells`: those given, None where there are no boxes to weigh.
    """

    def __init__(self, channels: int, cells: Cells, params: GuidanceParams) -> None:
        super().__init__()
        self.cells = cells
        self.top_d = params.top_d if params.attention != "grid" else 0
        self.on_grid = params.attention == "grid"
        self.inputs: tuple[str, ...] = () if self.on_grid else ("parts",)
        self.attention_cells = cells if self.on_grid or self.top_d else None
        self.pam = None if params.attention == "uniform" else PartAttentionModule(channels, params)

    def forward(self, features: Tensor, boxes: Tensor) -> Attention:
        """Weights of the parts, or of the cells, and where they lie on the map.

        Args:
            features: `(B, C, H, W)` float32, F_g.
            boxes: `(B, M, 4)` float32, xyxy in [0, 1]; the first D are read, none on the grid.
        """
        if self.on_grid:
            assert self.pam is not None
            cells = self.pam(features.flatten(2).transpose(1, 2)).view(features[:, 0].shape)
            return Attention(cells.new_zeros(cells.shape[0], 0), cells)
        masks = rasterise(top_boxes(boxes, self.top_d), self.cells)
        weights = self.weights(features, masks)
        return Attention(weights, torch.einsum("bd,bdhw->bhw", weights, masks))

    def weights(self, features: Tensor, masks: Tensor) -> Tensor:
        """Weights w_i of the parts.

        Args:
            features: `(B, C, H, W)` float32, F_g.
            masks: `(B, D, H, W)` float32, 0 or 1, M_i.

        Returns:
            `(B, D)` float32 in [0, 1], summing to 1 over parts.
        """
        if self.pam is None:
            return masks.new_full(masks.shape[:2], 1 / max(masks.shape[1], 1))
        return self.pam(mask_guided_mean(features, masks))  # type: ignore[no-any-return]


def part_guided(features: Tensor, attention: Tensor) -> Tensor:
    """Part-guided feature map F_p of PGAN (3), as F_g * (1 + sum_i w_i M_i): no map a part is ever built.

    Args:
        features: `(B, C, H, W)` float32, F_g.
        attention: `(B, H, W)` float32, sum_i w_i M_i.

    Returns:
        `(B, C, H, W)` float32.
    """
    return features * (1 + attention[:, None])
