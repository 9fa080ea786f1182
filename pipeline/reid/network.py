"""What every re-ID model has in common: its shape, its inputs, its outputs and the batch-norm neck."""

from typing import NamedTuple

from pydantic import PositiveInt
from torch import Tensor, nn

from pipeline.networks.backbone import BackboneParams
from pipeline.networks.cells import Cells
from pipeline.networks.pretrained import PretrainedParams
from pipeline.store.params import parameters
from pipeline.store.vocabulary import VIEWS


@parameters
class ReidShapeParams(BackboneParams):
    """What fixes the shape of every re-ID network, beside its own parameters."""

    input_size: PositiveInt
    """Side of the square input, pixels."""


class ReidBatch(NamedTuple):
    """Images and what is known of them; a model reads what its `inputs` names, the rest has no columns.

    Attributes:
        images: `(B, 3, S, S)` uint8, RGB.
        boxes: `(B, M, 4)` float32, xyxy in [0, 1], in the order of `Detections`.
        labels: `(B, M)` uint8, index of each box's class into `PART_CLASSES`.
        scores: `(B, M)` float32 in [0, 1].
        masks: `(B, 3, T, T)` uint8, view masks (255 is certain), order `VIEWS`.
        area_ratios: `(B, 4)` float32 in [0, 1]: global (always 1), then `VIEWS`.
        identities: `(B,)` int64 class of the vehicle; -1 where unknown.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    scores: Tensor
    masks: Tensor
    area_ratios: Tensor
    identities: Tensor


class Attention(NamedTuple):
    """What a model looks at in a batch, PGAN (3) and (4).

    Attributes:
        weights: `(B, D)` float32 in [0, 1], w_i of the first D part boxes, summing to 1 over them; D is 0 where the
            cells of the map are weighed themselves.
        cells: `(B, h, w)` float32 in [0, 1], on the map's cells: sum_i w_i M_i, or the cells' own weights.
    """

    weights: Tensor
    cells: Tensor


class ReidOutput(NamedTuple):
    """What a model makes of a batch: the feature in evaluation mode, what losses need in training mode.

    Attributes:
        feature: `(B, C)` float32 test feature; None in training mode.
        logits: `(B, classes)` float32; None in evaluation mode.
        distances: Name -> float32 distances between the images of the whole batch, all processes' shares together, one
            a triplet loss; empty in evaluation mode.
        attention: What it looked at, in evaluation mode; None where `attention_cells` is, and in training mode.
    """

    feature: Tensor | None
    logits: Tensor | None
    distances: dict[str, Tensor]
    attention: Attention | None = None


class ReidNetwork(nn.Module):
    """A re-ID model: maps a `ReidBatch` to a `ReidOutput`.

    Args:
        shape: What it shares with other models.
        dimensions: Lengths of the blocks a test feature consists of.

    Attributes:
        inputs: Caches it reads beside the images: ``parts``, ``part_masks``.
        distance: How its test features compare, a key of `pipeline.retrieval.distances.DISTANCES`.
        top_d: D, the most confident part boxes it attends to; 0 where it attends to none.
        boxes_read: The most confident part boxes it reads for any purpose, at least D; 0 where it reads none.
        reads_classes: Whether it reads the classes and scores of these boxes too.
        attention_cells: Cells of the map whose attention it tells in evaluation mode; None where it has none.
        shape: As given.
        dimensions: As given.
    """

    inputs: tuple[str, ...] = ()
    distance: str = "euclidean"
    top_d: int = 0
    boxes_read: int = 0
    reads_classes: bool = False
    attention_cells: Cells | None = None

    def __init__(self, shape: ReidShapeParams, dimensions: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.dimensions = dimensions

    @property
    def ratio_count(self) -> int:
        """P, area ratios that `ratios` gives of an image; 0 where the model does not read view masks."""
        return 1 + len(VIEWS) if "part_masks" in self.inputs else 0

    def ratios(self, batch: ReidBatch) -> Tensor:
        """Area ratios by which CPDM weighs the blocks of test features: `(B, P)` float32 in [0, 1], whole first."""
        return batch.area_ratios

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Give the backbone, in every copy of its stages, ImageNet weights."""
        raise NotImplementedError

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        raise NotImplementedError


class BatchNormNeck(nn.Module):
    """Batch normalisation between the feature of the triplet loss and that of the classifier (Luo et al. 2019).

    The shift is fixed at 0 and the classifier has no bias, as in the baseline PGAN builds on.

    Args:
        dimension: Length of the feature.
        classes: Vehicles to tell apart.

    Attributes:
        classifier: Class scores of what the neck gives, `(B, C)` float32 -> `(B, classes)` float32.
    """

    def __init__(self, dimension: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(dimension)
        self.norm.bias.requires_grad_(False)
        self.classifier = nn.Linear(dimension, classes, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)

    def forward(self, feature: Tensor) -> Tensor:
        """The feature after the normalisation, which `classifier` scores and whose direction is compared at test.

        Args:
            feature: `(B, C)` float32.

        Returns:
            `(B, C)` float32.
        """
        return self.norm(feature)  # type: ignore[no-any-return]
