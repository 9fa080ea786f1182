"""Part-Guided Attention Network: parts found bottom-up, weighted top-down, fused with the whole (PGAN fig. 2)."""

import torch
from pydantic import PositiveInt

from pipeline.networks.backbone import Backbone
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import PretrainedParams
from pipeline.reid.blocks.distances import pairwise_euclidean
from pipeline.reid.blocks.part_guidance import GuidanceParams, PartGuidance, part_guided
from pipeline.reid.blocks.refine import Refine
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidNetwork, ReidOutput, ReidShapeParams
from pipeline.store.params import parameters


@parameters
class NetworkParams(GuidanceParams):
    """PGAN's own parameters."""

    dimension: PositiveInt = 512
    """Length of the fused feature, 2C' in PGAN §3.4; a multiple of 8."""


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

    def __init__(self, shape: ReidShapeParams, params: NetworkParams, classes: int) -> None:
        super().__init__(shape, (params.dimension,))
        self.backbone = Backbone(shape)
        width = self.backbone.width
        self.guidance = PartGuidance(width, self.backbone.cells(shape.input_size), params)
        self.top_d = self.guidance.top_d
        self.attention_cells = self.guidance.attention_cells
        self.inputs = () if params.attention == "grid" else ("parts",)
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
        attention = self.guidance(whole, batch.boxes)
        guided = part_guided(whole, attention.cells)  # F_p
        fused = self.refine_fused(torch.cat([whole, guided], dim=1))
        if not self.training:
            return ReidOutput(self.neck.normalised(fused), None, {}, attention)
        features = {"fused": fused, "global": self.refine_global(whole), "part": self.refine_part(guided)}
        distances = {name: pairwise_euclidean(feature) for name, feature in features.items()}
        return ReidOutput(None, self.neck(fused), distances)
