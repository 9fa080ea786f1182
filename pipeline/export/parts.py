"""Part detection inside a graph: the most confident boxes of every image, as `pipeline.parts.detection` keeps them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.detection.ssd import SSD

from pipeline.artifacts.parts import no_parts
from pipeline.export.resizing import resized
from pipeline.parts.detection import PartDetectionParams, candidates_of, fill_up
from pipeline.parts.network import input_size
from pipeline.store.vocabulary import PART_CLASSES

USED = -1.0
"""Score of candidates that are taken or suppressed; those of a detector are not negative."""


class Parts(NamedTuple):
    """Part boxes of images, as `Detections` of tensors.

    Attributes:
        boxes: `(B, D, 4)` float32, xyxy in [0, 1].
        labels: `(B, D)` uint8, index into `PART_CLASSES`.
        scores: `(B, D)` float32 in [0, 1].
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor


class PartGraph(nn.Module):
    """The part detector with its preprocessing and its selection.

    Args:
        detector: Trained, in evaluation mode.
        params: How boxes are selected.
        count: D, boxes wanted of each image.
    """

    factors: Tensor
    cells: Tensor

    def __init__(self, detector: SSD, params: PartDetectionParams, count: int) -> None:
        super().__init__()
        self.detector = detector
        self.params = params
        self.count = count
        factors = [params.class_factors.get(name, 1.0) for name in PART_CLASSES]
        self.register_buffer("factors", torch.tensor(factors), persistent=False)
        self.register_buffer("cells", torch.from_numpy(fill_up(no_parts(), count).boxes), persistent=False)

    def forward(self, images: Tensor) -> Parts:
        """Part boxes of images, in the order of `Detections`.

        Args:
            images: `(B, 3, H, W)` uint8, RGB, of any size.
        """
        pixels = resized(images, input_size(self.detector))
        return self.selected(*candidates_of(self.detector, pixels, self.params.candidates))

    def selected(self, boxes: Tensor, labels: Tensor, scores: Tensor) -> Parts:
        """What `pipeline.parts.detection.most_confident` keeps, one box after another and for all images at once.

        Suppression is within a class, whose scores share one factor; so the best of what is left, taken D times, are
        the boxes that are left after suppressing first and ranking then. Equal scores keep the detector's order.

        Args:
            boxes: `(B, K, 4)` float32, xyxy in units of the image's side, perhaps outside it.
            labels: `(B, K)` int64, index into `PART_CLASSES`.
            scores: `(B, K)` float32.
        """
        clipped = boxes.clamp(0, 1)
        width, height = clipped[..., 2] - clipped[..., 0], clipped[..., 3] - clipped[..., 1]
        areas = width * height
        ranked = torch.where((width > 0) & (height > 0), scores * self.factors[labels], torch.full_like(scores, USED))
        numbers = torch.arange(scores.shape[1], device=scores.device)
        kept: list[tuple[Tensor, Tensor, Tensor]] = []
        missing = torch.zeros_like(labels[:, 0])
        for _ in range(self.count):
            best, place = ranked.max(dim=1, keepdim=True)  # (B, 1)
            box = clipped.gather(1, place[..., None].expand(-1, -1, 4))  # (B, 1, 4)
            overlap = _overlaps(box, areas.gather(1, place), clipped, areas)
            label, score = labels.gather(1, place), scores.gather(1, place)
            repeats = (labels == label) & (overlap > self.params.nms_iou)
            ranked = torch.where(repeats | (numbers == place), torch.full_like(ranked, USED), ranked)
            none = best < 0  # (B, 1)
            found = (
                torch.where(none, self.cells[missing], box[:, 0]),
                torch.where(none, 0, label),
                torch.where(none, 0, score),
            )
            kept.append(found)
            missing = missing + none[:, 0].long()
        boxes_kept, labels_kept, scores_kept = zip(*kept, strict=True)
        return Parts(torch.stack(boxes_kept, 1), torch.cat(labels_kept, 1).byte(), torch.cat(scores_kept, 1))


def _overlaps(box: Tensor, area: Tensor, boxes: Tensor, areas: Tensor) -> Tensor:
    """Intersection over union of one box an image, `(B, 1, 4)`, with others, `(B, K, 4)`: `(B, K)`."""
    low, high = torch.maximum(box[..., :2], boxes[..., :2]), torch.minimum(box[..., 2:], boxes[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (area + areas - shared)
