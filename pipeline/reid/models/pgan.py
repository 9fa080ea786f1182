"""Part-Guided Attention Network: parts found bottom-up, weighted top-down, fused with the whole (PGAN fig. 2)."""

import torch
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from pipeline.networks.backbone import Backbone
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import PretrainedParams
from pipeline.reid.blocks.distances import pairwise_euclidean
from pipeline.reid.blocks.part_attention import PartAttentionModule
from pipeline.reid.blocks.part_grid import rasterise, top_boxes
from pipeline.reid.blocks.refine import Refine
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidNetwork, ReidOutput, ReidShapeParams
from pipeline.store.params import parameters


@parameters
class NetworkParams:
    """PGAN's own parameters."""

    dimension: PositiveInt = 512
    """Length of the fused feature, 2C' in PGAN §3.4; a multiple of 8."""
    top_d: NonNegativeInt = 8
    """D, part boxes per image (PGAN table 5: 0, 4, 6, 8, 10)."""
    attention_temperature: PositiveFloat = 10
    """Part scores are divided by it before the softmax; 1: PGAN (4) as printed."""


class Network(ReidNetwork):
    """PGAN: global map F_g, part-guided map F_p, and the fusion of both (PGAN §3).

    Training distances: ``fused``, ``global``, ``part`` (L_f, L_g, L_p of PGAN (5)). Test feature: the fused one
    after the neck, L2-normalised.

    The paper gives F_f 2C' channels and F_g and F_p C' each after "Refine" but not whether one block serves all
    three; here each map has its own, and those of F_g and F_p serve training only.

    Args:
        shape: What it shares with other models.
        params: Its own parameters.
        classes: Vehicles to tell apart.
    """

    inputs = ("parts",)

    def __init__(self, shape: ReidShapeParams, params: NetworkParams, classes: int) -> None:
        super().__init__(shape, (params.dimension,))
        self.top_d = params.top_d
        self.backbone = Backbone(shape)
        width = self.backbone.width
        self.attention = PartAttentionModule(width, params.attention_temperature)
        self.refine_fused = Refine(2 * width, params.dimension)
        self.refine_global = Refine(width, params.dimension // 2)
        self.refine_part = Refine(width, params.dimension // 2)
        self.neck = BatchNormNeck(params.dimension, classes)

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
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
