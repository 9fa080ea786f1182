"""The baseline of PGAN's tables: one global feature, refined as PGAN's are so that the comparison is fair."""

from pipeline.networks.backbone import Backbone
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import Pretrained
from pipeline.reid.blocks.refine import Refine
from pipeline.reid.distances import pairwise_euclidean
from pipeline.reid.network import BatchNormNeck, ReidArchitecture, ReidBatch, ReidNetwork, ReidOutput


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
