"""Part-Guided Attention Network: parts found bottom-up, weighted top-down, fused with the whole (PGAN fig. 2)."""

from pydantic import PositiveInt

from pipeline.reid.blocks.distances import pairwise_euclidean
from pipeline.reid.blocks.guided_network import GuidedNetwork, GuidedRefinement
from pipeline.reid.blocks.part_guidance import GuidanceParams
from pipeline.reid.blocks.refine import RefineParams
from pipeline.reid.blocks.unit_length import unit_length
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidOutput, ReidShapeParams
from pipeline.store.params import parameters


@parameters
class NetworkParams(GuidanceParams, RefineParams):
    """PGAN's own parameters."""

    dimension: PositiveInt = 512
    """Length of the fused feature, 2C' in PGAN §3.4; a multiple of 8."""


class Network(GuidedNetwork):
    """PGAN: global map F_g, part-guided map F_p, and the fusion of both (PGAN §3).

    Training distances: ``fused``, ``global``, ``part`` (L_f, L_g, L_p of PGAN (5)). Test feature: the fused one
    after the neck, L2-normalised.

    Args:
        shape: What it shares with other models.
        params: Its own parameters.
        classes: Vehicles to tell apart.
    """

    def __init__(self, shape: ReidShapeParams, params: NetworkParams, classes: int) -> None:
        super().__init__(shape, params, (params.dimension,))
        self.inputs = self.guidance.inputs
        self.refine = GuidedRefinement(self.backbone.width, params.dimension, params)
        self.neck = BatchNormNeck(params.dimension, classes)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        maps = self.guided_maps(batch)
        fused = self.refine(maps)
        if not self.training:
            return ReidOutput(unit_length(self.neck(fused)), None, {}, maps.attention)
        features = {"fused": fused, **self.refine.of_each(maps)}
        distances = {name: pairwise_euclidean(feature) for name, feature in features.items()}
        return ReidOutput(None, self.neck.classifier(self.neck(fused)), distances)
