"""Part-Guided Attention Network: parts found bottom-up, weighted top-down, fused with the whole (PGAN fig. 2)."""

import torch
from torch import Tensor, nn

from pipeline.networks.backbone import Backbone
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import Pretrained
from pipeline.reid.blocks.part_attention import PartAttentionModule
from pipeline.reid.blocks.part_grid import rasterise, top_boxes
from pipeline.reid.blocks.refine import Refine
from pipeline.reid.distances import pairwise_euclidean
from pipeline.reid.network import BatchNormNeck, ReidArchitecture, ReidBatch, ReidNetwork, ReidOutput


class Pgan(ReidNetwork):
    """PGAN: global map F_g, part-guided map F_p, and the fusion of both (PGAN §3).

    Training distances: ``fused``, ``global``, ``part`` (L_f, L_g, L_p of PGAN (5)). Test feature: the fused one
    after the neck, L2-normalised.

    The paper gives F_f 2C' channels and F_g and F_p C' each after "Refine" but not whether one block serves all
    three; here each map has its own, and those of F_g and F_p serve training only.

    Args:
        architecture: Shape of the network.
        classes: Vehicles to tell apart.
        attention: `(F_g, masks)` -> `(B, H, W)` weights of the grid's cells; by default the part attention module.
    """

    inputs = ("parts",)

    def __init__(self, architecture: ReidArchitecture, classes: int, attention: nn.Module | None = None) -> None:
        super().__init__((architecture.dimension,))
        self.top_d = architecture.top_d
        self.backbone = Backbone(architecture)
        width = self.backbone.width
        self.attention = attention or PartAttentionModule(width, architecture.attention_temperature)
        self.refine_fused = Refine(2 * width, architecture.dimension)
        self.refine_global = Refine(width, architecture.dimension // 2)
        self.refine_part = Refine(width, architecture.dimension // 2)
        self.neck = BatchNormNeck(architecture.dimension, classes)

    def load_pretrained(self, pretrained: Pretrained) -> None:
        """Give the backbone ImageNet weights."""
        self.backbone.load_pretrained(pretrained)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        whole = self.backbone(channels_last(normalise(batch.images)))  # F_g, (B, C, H, W)
        masks = rasterise(top_boxes(batch.boxes, self.top_d), *whole.shape[2:])  # (B, D, H, W)
        guided = part_guided(whole, self.attention(whole, masks))  # F_p
        fused = self.refine_fused(torch.cat([whole, guided], dim=1))
        if not self.training:
            return ReidOutput(self.neck.normalised(fused), None, {})
        features = {"fused": fused, "global": self.refine_global(whole), "part": self.refine_part(guided)}
        distances = {name: pairwise_euclidean(feature) for name, feature in features.items()}
        return ReidOutput(None, self.neck(fused), distances)


def part_guided(features: Tensor, attention: Tensor) -> Tensor:
    """Part-guided feature map F_p of PGAN (3), as F_g * (1 + sum_i w_i M_i): no map a part is ever built.

    Args:
        features: `(B, C, H, W)` float32, F_g.
        attention: `(B, H, W)` float32, sum_i w_i M_i.

    Returns:
        `(B, C, H, W)` float32.
    """
    return features * (1 + attention[:, None])
