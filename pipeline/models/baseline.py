"""The baseline of PGAN's tables: one global feature, refined as PGAN's are so that the comparison is fair."""

from pipeline.distances import pairwise_euclidean
from pipeline.models.backbone import Backbone, channels_last
from pipeline.models.refine import Refine
from pipeline.models.reid_network import BatchNormNeck, ReidArchitecture, ReidBatch, ReidNetwork, ReidOutput
from pipeline.tensors import normalise
from pipeline.weights import Pretrained


class Baseline(ReidNetwork):
    """Backbone, refinement and batch-norm neck (PGAN §4.2, "baseline").

    Training distances: ``global``. Test feature: after the neck, L2-normalised.

    Args:
        architecture: Shape of the network; the part parameters are not used.
        classes: Vehicles to tell apart.
    """

    def __init__(self, architecture: ReidArchitecture, classes: int) -> None:
        super().__init__((architecture.dimension,))
        self.backbone = Backbone(architecture)
        self.refine = Refine(self.backbone.width, architecture.dimension)
        self.neck = BatchNormNeck(architecture.dimension, classes)

    def load_pretrained(self, pretrained: Pretrained) -> None:
        """Give the backbone ImageNet weights."""
        self.backbone.load_pretrained(pretrained)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        feature = self.refine(self.backbone(channels_last(normalise(batch.images))))
        if not self.training:
            return ReidOutput(self.neck.normalised(feature), None, {})
        return ReidOutput(None, self.neck(feature), {"global": pairwise_euclidean(feature)})
