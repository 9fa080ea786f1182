"""The baseline of PGAN's tables: one global feature, refined as PGAN's are so that the comparison is fair."""

from pydantic import PositiveInt

from pipeline.networks.backbone import Backbone
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.tensors import channels_last, normalise
from pipeline.reid.blocks.distances import pairwise_euclidean
from pipeline.reid.blocks.refine import Refine, RefineParams
from pipeline.reid.blocks.unit_length import unit_length
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidNetwork, ReidOutput, ReidShapeParams
from pipeline.store.params import parameters


@parameters
class NetworkParams(RefineParams):
    """The baseline's own parameters."""

    dimension: PositiveInt = 512
    """Length of the feature; a multiple of 4."""


class Network(ReidNetwork):
    """Backbone, refinement and batch-norm neck (PGAN §4.2, "baseline").

    Training distances: ``global``. Test feature: after the neck, L2-normalised.

    Args:
        shape: What it shares with other models.
        params: Its own parameters.
        classes: Vehicles to tell apart.
    """

    def __init__(self, shape: ReidShapeParams, params: NetworkParams, classes: int) -> None:
        super().__init__(shape, (params.dimension,))
        self.backbone = Backbone(shape)
        self.refine = Refine(self.backbone.width, params.dimension, params)
        self.neck = BatchNormNeck(params.dimension, classes)

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Give the backbone ImageNet weights."""
        self.backbone.load_pretrained(pretrained)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        feature = self.refine(self.backbone(channels_last(normalise(batch.images))))
        after_neck = self.neck(feature)
        if not self.training:
            return ReidOutput(unit_length(after_neck), None, {})
        return ReidOutput(None, self.neck.classifier(after_neck), {"global": pairwise_euclidean(feature)})
