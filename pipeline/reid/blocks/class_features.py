"""Features of part classes: each made of a class's most confident box, so that two images are compared part by part."""

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from pipeline.networks.cells import Cells
from pipeline.reid.blocks.masked_mean import mask_guided_mean
from pipeline.reid.blocks.part_grid import rasterise, top_boxes
from pipeline.reid.blocks.unit_length import unit_length
from pipeline.reid.network import ReidBatch
from pipeline.store.params import Share, parameters
from pipeline.store.vocabulary import PART_CLASSES


@parameters
class ClassParams:
    """How features of part classes are made."""

    class_dimension: PositiveInt = 32
    """Length of the feature of each part class."""
    class_boxes: PositiveInt = 20
    """Boxes of an image, the most confident ones, among which the best of each class is looked for."""
    class_least_score: Share = 0.2
    """Score from which on a class's best box is taken for a part; below, or without a box, the image does not show the
    class."""


def best_boxes(boxes: Tensor, labels: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """The most confident box of each of the K `PART_CLASSES`.

    Args:
        boxes: `(B, M, 4)` float32, xyxy in [0, 1].
        labels: `(B, M)` integers, class of each box.
        scores: `(B, M)` float32 in [0, 1].

    Returns:
        `(B, K, 4)` boxes and `(B, K)` their scores; of a class without a box the score is 0 and the box any.
    """
    of_class = labels.long()[..., None] == torch.arange(len(PART_CLASSES), device=labels.device)  # (B, M, K)
    best, place = (scores[..., None] * of_class).max(1)  # (B, K)
    return boxes.gather(1, place[..., None].expand(-1, -1, 4)), best


class ClassFeatures(nn.Module):
    """A feature of each part class, from the means of several maps inside its best box.

    Each class has a projection and a norm of its own, all of them in one layer. Where an image does not show a class,
    its norm sees the mean inside another box, which does it no harm.

    Args:
        widths: Channels of each map.
        cells: Of each map.
        params: How features are made.
    """

    def __init__(self, widths: tuple[int, ...], cells: tuple[Cells, ...], params: ClassParams) -> None:
        super().__init__()
        self.cells = cells
        self.least_score = params.class_least_score
        self.boxes_read = params.class_boxes
        classes, length = len(PART_CLASSES), params.class_dimension
        self.project = nn.Conv1d(classes * sum(widths), classes * length, 1, groups=classes, bias=False)
        self.norm = nn.BatchNorm1d(classes * length)

    def best(self, batch: ReidBatch) -> tuple[Tensor, Tensor]:
        """Each class's best box, `(B, K, 4)`, and whether the image shows the class, `(B, K)` float32, 0 or 1.

        Raises:
            ValueError: Fewer boxes per image are cached than are read.
        """
        count = self.boxes_read
        boxes, scores = best_boxes(top_boxes(batch.boxes, count), batch.labels[:, :count], batch.scores[:, :count])
        return boxes, ((scores >= self.least_score) & (scores > 0)).to(boxes.dtype)

    def forward(self, maps: tuple[Tensor, ...], boxes: Tensor, shown: Tensor) -> Tensor:
        """Features of all classes, one after another.

        Args:
            maps: `(B, C_i, h_i, w_i)` float32 each.
            boxes: `(B, K, 4)` float32, from `best`.
            shown: `(B, K)` float32, from `best`.

        Returns:
            `(B, K * class_dimension)` float32, that of each class of length 1, or 0 where the image does not show it.
        """
        pairs = zip(maps, self.cells, strict=True)
        means = torch.cat([mask_guided_mean(each, rasterise(boxes, cells)) for each, cells in pairs], 2)  # (B, K, C)
        features = self.norm(self.project(means.flatten(1)[..., None])[..., 0])
        return (unit_length(features.unflatten(1, (shown.shape[1], -1))) * shown[..., None]).flatten(1)
