"""Features of views: a map averaged under a view's mask, and what is made of the mean."""

from torch import Tensor, nn

from pipeline.reid.blocks.unit_length import unit_length
from pipeline.store.params import parameters


@parameters
class ViewParams:
    """How features of views are made."""

    normalised: bool = False
    """Batch-normalise each feature and scale it to length 1 before it is compared; SPAN compares them as they are."""
    within_views: bool = False
    """Average a view's map over its mask, so that a view that shows little keeps its contrast; SPAN averages over the
    whole map, 0 outside the mask."""


class ProjectedMean(nn.Module):
    """A fully-connected layer after global average pooling (SPAN §4.2), and perhaps a normalisation.

    Args:
        width: Channels of the mean.
        dimension: Length of the feature.
        normalised: Batch-normalise the feature and scale it to length 1.
        bias: Whether the layer has one; distances do not change by it.
    """

    def __init__(self, width: int, dimension: int, *, normalised: bool, bias: bool) -> None:
        super().__init__()
        self.project = nn.Linear(width, dimension, bias=bias)
        self.norm = nn.BatchNorm1d(dimension) if normalised else None

    def forward(self, mean: Tensor) -> Tensor:
        """Feature of a mean: `(B, width)` float32 -> `(B, dimension)` float32."""
        feature: Tensor = self.project(mean)
        return feature if self.norm is None else unit_length(self.norm(feature))
