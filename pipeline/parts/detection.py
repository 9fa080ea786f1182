"""Detecting parts: the most confident boxes of every image, whatever their class (PGAN §3.2)."""

from collections.abc import Iterator

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.ops import batched_nms

from pipeline.artifacts.parts import PART_ARRAYS, Detections
from pipeline.maps.columns import Arrays, Columns
from pipeline.networks.loading import ResizedImages
from pipeline.networks.tensors import to_batch
from pipeline.parts.network import input_size
from pipeline.prediction.batches import predicted
from pipeline.store.boxes import clip_boxes, have_area
from pipeline.store.images import EncodedImages, Images
from pipeline.store.params import Share, parameters
from pipeline.store.runtime import RuntimeParams
from pipeline.store.vocabulary import PART_CLASSES, PartClass


@parameters
class PartDetectionParams:
    """The `detect_parts` section of `params.yaml`."""

    max_parts: PositiveInt
    """Boxes kept an image, no confidence threshold (PGAN §3.2); the re-ID models take the first D of them."""
    nms_iou: Share
    """Of two boxes of one class that overlap by more, the less confident is dropped (SSD §3)."""
    candidates: PositiveInt
    """Most confident pairs of a default box and a class that enter suppression; the boxes kept are those of more
    candidates as long as `max_parts` are left (SSD takes 400 of each class, at many times the cost)."""
    class_factors: dict[PartClass, PositiveFloat]
    """Part class -> what its scores are multiplied by where boxes of all classes are ranked; others keep theirs (PGAN
    §3.2: all do). More for the small parts that tell vehicles apart brings them among the D that models read."""
    batch_size: PositiveInt
    """Images per step."""


def detect(
    detector: SSD, images: Images, params: PartDetectionParams, runtime: RuntimeParams, fabric: Fabric
) -> Iterator[Arrays]:
    """Yield the parts of every image, in batches in row order, see `pipeline.prediction.batches.predicted`.

    There is no confidence threshold, and always exactly `max_parts` boxes (PGAN §3.2): every default box scores
    above 0 for every class, so that far more candidates exist than are kept. Should suppression leave fewer,
    `fill_up` adds the rest.

    Args:
        detector: In evaluation mode.
        images: Images of a data set, or others.
        params: The parameters.
        runtime: Gives the loader processes.
        fabric: Places the network and the images.

    Yields:
        ``boxes`` `(B, max_parts, 4)`, ``labels`` and ``scores``, see `Detections`.
    """
    detector = fabric.to_device(detector)
    load = ResizedImages(images, input_size(detector))

    def parts_of(batch: Tensor) -> Arrays:
        with torch.inference_mode(), fabric.autocast():
            found = candidates_of(detector, fabric.to_device(batch), params.candidates)
        boxes, labels, scores = (tensor.cpu() for tensor in found)
        kept = [most_confident(*image, params) for image in zip(boxes, labels, scores, strict=True)]
        return {name: np.stack([getattr(item, name) for item in kept]) for name in PART_ARRAYS}

    yield from predicted(parts_of, range(len(images)), load, params.batch_size, runtime, to_batch)


def detect_rows(
    detector: SSD, params: PartDetectionParams, columns: Columns, runtime: RuntimeParams, fabric: Fabric
) -> Iterator[Arrays]:
    """The same of images by the column ``files``, their encoded bytes."""
    return detect(detector, EncodedImages(columns["files"]), params, runtime, fabric)


def candidates_of(detector: SSD, images: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Decode the most confident pairs of a default box and a part class.

    Args:
        detector: torchvision's SSD in evaluation mode.
        images: `(B, 3, S, S)` uint8, RGB, of the detector's input size.
        count: K, pairs an image; all there are, where they are fewer.

    Returns:
        Boxes `(B, K, 4)` float32, xyxy in units of the image's side, not clipped; part classes `(B, K)` int64;
        scores `(B, K)` float32, falling.
    """
    pixels = _normalised(detector, images)
    features = list(detector.backbone(pixels).values())
    outputs = detector.head(features)
    alike = ImageList(pixels, [(images.shape[2], images.shape[3])])
    anchors = detector.anchor_generator(alike, features)[0]  # (A, 4), the same for every image
    scores = outputs["cls_logits"].float().softmax(-1)[..., 1:]  # (B, A, classes) without background
    classes = scores.shape[-1]
    top, pair = scores.flatten(1).topk(min(count, scores[0].numel()), dim=1)
    box = pair // classes  # (B, K)
    offsets = outputs["bbox_regression"].float().gather(1, box[..., None].expand(-1, -1, 4))
    boxes = detector.box_coder.decode_single(offsets.flatten(0, 1), anchors[box].flatten(0, 1))
    return boxes.view_as(offsets) / images.shape[-1], pair % classes, top


def _normalised(detector: SSD, images: Tensor) -> Tensor:
    """What the detector's own transform makes of uint8 images that have its input size already, as one batch."""
    mean, deviation = (
        torch.tensor(values, device=images.device)[:, None, None]
        for values in (detector.transform.image_mean, detector.transform.image_std)
    )
    return ((images.float() / 255 - mean) / deviation).contiguous()


def most_confident(boxes: Tensor, labels: Tensor, scores: Tensor, params: PartDetectionParams) -> Detections:
    """Clip one image's candidates, suppress those that repeat a more confident one, and keep `max_parts`.

    Args:
        boxes: `(K, 4)` float32, xyxy in units of the image's side, perhaps outside it.
        labels: `(K,)` int64, index into `PART_CLASSES`.
        scores: `(K,)` float32.
        params: The parameters.

    Returns:
        Exactly `max_parts` detections, by falling score times their class's factor; equal scores are ordered by class,
        then by place.
    """
    clipped = clip_boxes(np.asarray(boxes.numpy(), np.float32))
    order = np.lexsort((*clipped.T, labels.numpy(), -scores.numpy()))
    order = order[have_area(clipped)[order]]
    inside, label, score = torch.from_numpy(clipped[order]), labels[order], scores[order]
    kept = batched_nms(inside, score, label, params.nms_iou).sort().values
    factors = torch.tensor([params.class_factors.get(name, 1.0) for name in PART_CLASSES])
    kept = kept[(score * factors[label])[kept].argsort(descending=True, stable=True)[: params.max_parts]]
    found = Detections(inside[kept].numpy(), label[kept].numpy().astype(np.uint8), score[kept].numpy())
    return fill_up(found, params.max_parts)


def fill_up(found: Detections, count: int) -> Detections:
    """Append cells of the 1 x 1, 2 x 2, 3 x 3 ... grids over the image until there are `count` boxes.

    Args:
        found: At most `count` detections of one image.
        count: Boxes wanted.

    Returns:
        `count` detections; those added have score 0 and label 0.
    """
    missing = count - len(found.boxes)
    if missing == 0:
        return found
    cells: list[tuple[float, float, float, float]] = []
    side = 1
    while len(cells) < missing:
        cells += [
            (column / side, row / side, (column + 1) / side, (row + 1) / side)
            for row in range(side)
            for column in range(side)
        ]
        side += 1
    return Detections(
        np.concatenate([found.boxes, np.array(cells[:missing], np.float32)]),
        np.concatenate([found.labels, np.zeros(missing, np.uint8)]),
        np.concatenate([found.scores, np.zeros(missing, np.float32)]),
    )
