"""The part detector: torchvision's SSD over the 16 part classes, with three backbones.

`ssd300_vgg16` is the detector of PGAN §3.2 (Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016).
`ssdlite320_mobilenet_v3_large` is torchvision's light one. `ssd_resnet` is an SSD whose finest feature maps have
stride 4 or 8, for parts of a few pixels and for training from scratch.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss
from torchvision.models.detection import ssdlite320_mobilenet_v3_large
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD, SSDHead

from pipeline.networks import weights
from pipeline.networks.backbone import check_frozen
from pipeline.networks.devices import of_batch
from pipeline.networks.pretrained import PretrainedParams
from pipeline.parts.pyramid import Pyramid
from pipeline.parts.trained_on import KIND
from pipeline.parts.vgg import Normalisation, build_vgg_ssd, normalisation_of
from pipeline.store.params import parameters
from pipeline.store.vocabulary import PART_CLASSES

CLASSES = len(PART_CLASSES) + 1
"""Outputs of the classifier: background is 0, part class `i` is `i + 1`."""


@parameters
class ResnetSsdParams:
    """Shape of an `ssd_resnet`."""

    size: PositiveInt
    """Side of the square input, pixels."""
    backbone: str
    """A ResNet of `pipeline.networks.architectures.RESNETS`, or a name of timm's."""
    stem_stride: Literal[2, 4]
    """Stride of the stem's convolution: 2, followed by max-pooling, as torchvision has it, or 4 without the pooling,
    which halves the cost of a small network. 2 for all but ResNets."""
    layers: tuple[PositiveInt, PositiveInt]
    """First and last ResNet layer that the heads read, or maps of the same strides; layer 1 has stride 4, and each next
    one twice that. Later layers are not built."""
    channels: PositiveInt
    """Channels of every feature map the heads read."""
    scales: tuple[PositiveFloat, ...]
    """Default box sizes, as shares of the input's side: one a feature map from fine to coarse, and one more for the
    extra square box of the last."""
    aspect_ratios: tuple[PositiveFloat, ...]
    """Width over height of further default boxes; each is used both ways round."""
    frozen_levels: NonNegativeInt = Field(default=0, kw_only=True)
    """First levels of the backbone, the stem counted, that keep their pretrained weights and norms."""


@parameters
class DetectorNetworkParams:
    """Which detector to build."""

    name: Literal["ssd300_vgg16", "ssdlite320_mobilenet_v3_large", "ssd_resnet"]
    """One of the three detectors; PGAN §3.2 has SSD with VGG-16."""
    resnet: ResnetSsdParams | None
    """Shape of `ssd_resnet`; null for the others, whose shape is fixed."""
    normalisation: Normalisation | None = None
    """How `ssd300_vgg16` scales images, as its first weights want it: ``features``, SSD's grey levels less their mean,
    or ``imagenet``, ImageNet's mean and deviation; null asks the weights. Null for the other detectors, whose scale is
    fixed."""


def settled(shape: DetectorNetworkParams, pretrained: PretrainedParams) -> DetectorNetworkParams:
    """The shape with all that its first weights decide, as it has to be saved with trained ones.

    Raises:
        FileNotFoundError: The file of pretrained weights does not exist.
        ValueError: It does not tell how it wants images scaled, or levels are to be frozen and there is none.
    """
    if shape.resnet is not None:
        check_frozen(shape.resnet.frozen_levels, pretrained)
    if shape.name != "ssd300_vgg16" or shape.normalisation is not None:
        return shape
    return replace(shape, normalisation=normalisation_of(pretrained))


def build_detector(shape: DetectorNetworkParams, pretrained: PretrainedParams) -> SSD:
    """Return torchvision's SSD for the part classes.

    In training it takes `(images, targets)`, images a list of `(3, S, S)` float in [0, 1] and targets with boxes
    in xyxy pixels and labels from 1, and returns the losses ``bbox_regression`` and ``classification`` (hard
    negatives 3 to 1). In evaluation it returns boxes, labels and scores.

    Args:
        shape: Which one.
        pretrained: ImageNet weights of its backbone.

    Raises:
        ValueError: A detector lacks its shape or has one it does not use, or there are no pretrained weights for
            it.
    """
    if (shape.name == "ssd_resnet") == (shape.resnet is None):
        raise ValueError(
            f"resnet: expected a shape for ssd_resnet and null for the rest, got "
            f"{'null' if shape.resnet is None else 'a shape'} for {shape.name}"
        )
    if shape.normalisation is not None and shape.name != "ssd300_vgg16":
        raise ValueError(f"normalisation: expected null for {shape.name}, got {shape.normalisation}")
    detector = _BUILDERS[shape.name](shape, pretrained)
    detector.anchor_generator = _FullPrecisionBoxes(detector.anchor_generator)
    detector.compute_loss = _SharedLoss(detector.compute_loss)
    return detector


class _SharedLoss:
    """An SSD's losses as this process's share of the batch counts: by its matched default boxes.

    Args:
        compute: The detector's own `compute_loss`, which divides by them.
    """

    def __init__(self, compute: Callable[..., dict[str, Tensor]]) -> None:
        self._compute = compute

    def __call__(self, targets: Any, outputs: Any, anchors: Any, matched: list[Tensor]) -> dict[str, Tensor]:
        count = torch.stack(matched).ge(0).sum()
        losses = self._compute(targets, outputs, anchors, matched)
        return {name: of_batch(loss, count) for name, loss in losses.items()}


class _FullPrecisionBoxes(nn.Module):
    """Default boxes in float32: torchvision gives them the maps' precision, and bfloat16 is a pixel off at 160."""

    def __init__(self, generator: DefaultBoxGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, images: ImageList, maps: list[Tensor]) -> list[Tensor]:
        return list(self.generator(images, [feature.float() for feature in maps]))


class LeanSSD(SSD):  # type: ignore[misc]  # torchvision is untyped
    """torchvision's SSD with the same losses in about two thirds of the time a step.

    Mining needs only the background's loss of each default box, and no gradient; the cross-entropy and its
    gradient are then computed for the chosen boxes alone, a hundred of ten thousand an image.
    """

    def compute_loss(
        self,
        targets: list[dict[str, Tensor]],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        """Return ``classification`` and ``bbox_regression``, summed and divided by the matched default boxes.

        Args:
            targets: For each image ``boxes`` `(M, 4)`, xyxy pixels, and ``labels`` `(M,)` from 1.
            head_outputs: ``cls_logits`` `(B, A, 17)` and ``bbox_regression`` `(B, A, 4)`.
            anchors: For each image the default boxes `(A, 4)`, xyxy pixels.
            matched_idxs: For each image the target of each default box, `(A,)`, -1 for background.
        """
        logits = head_outputs["cls_logits"]
        matched = torch.stack(matched_idxs)  # (B, A)
        positive = matched >= 0
        boxes = torch.cat([item["boxes"][index[index >= 0]] for item, index in zip(targets, matched, strict=True)])
        labels = torch.cat([item["labels"][index[index >= 0]] for item, index in zip(targets, matched, strict=True)])
        wanted = self.box_coder.encode_single(boxes, torch.stack(anchors)[positive])
        negative = hardest_negatives(logits.detach(), positive, self.neg_to_pos_ratio)
        offsets = head_outputs["bbox_regression"][positive]
        count = max(1, len(boxes))
        background = labels.new_zeros(int(negative.sum()))
        return {
            "bbox_regression": smooth_l1_loss(offsets, wanted, reduction="sum") / count,
            "classification": (
                cross_entropy(logits[positive], labels, reduction="sum")
                + cross_entropy(logits[negative], background, reduction="sum")
            )
            / count,
        }


def hardest_negatives(logits: Tensor, positive: Tensor, ratio: float) -> Tensor:
    """Choose the unmatched default boxes that look least like background (SSD §2.2, hard negative mining).

    Args:
        logits: `(B, A, C)` float, class 0 being background.
        positive: `(B, A)` bool, matched default boxes.
        ratio: Negatives an image for each of its positives.

    Returns:
        `(B, A)` bool, as many an image as `ratio` asks or as there are.
    """
    loss = (logits.logsumexp(-1) - logits[..., 0]).masked_fill(positive, -torch.inf)
    wanted = (ratio * positive.sum(1)).long().minimum((~positive).sum(1))  # (B,)
    most = int(wanted.max())
    order = loss.topk(most, dim=1).indices
    within = torch.arange(most, device=logits.device) < wanted[:, None]
    return torch.zeros_like(positive).scatter(1, order, within)


def restore(path: Path) -> SSD:
    """Rebuild a trained detector, in evaluation mode.

    Args:
        path: Its weights.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It holds other weights, those of another version of this pipeline, or a detector of other part
            classes.
    """
    state, metadata = weights.load(path, KIND)
    if metadata["classes"] != list(PART_CLASSES):
        found = ", ".join(metadata["classes"])
        raise ValueError(f"{path}: trained on the part classes {found}; expected {', '.join(PART_CLASSES)}")
    detector = build_detector(
        weights.params_of(DetectorNetworkParams, metadata, "network", path), PretrainedParams(None)
    )
    weights.fill(detector, state, path)
    return detector.to(memory_format=torch.channels_last).eval()


def input_size(detector: SSD) -> int:
    """Side of the square input of a detector, pixels."""
    return int(detector.transform.fixed_size[0])


def _ssd300_vgg16(shape: DetectorNetworkParams, pretrained: PretrainedParams) -> SSD:
    return build_vgg_ssd(CLASSES, shape.normalisation or normalisation_of(pretrained), pretrained)


def _ssdlite320(_: DetectorNetworkParams, pretrained: PretrainedParams) -> SSD:
    if pretrained.source is not None and pretrained.source.endswith((".pth", ".pt", ".safetensors")):
        raise ValueError(f"{pretrained.source}: ssdlite320_mobilenet_v3_large takes torchvision's weights names only")
    return ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=pretrained.source, num_classes=CLASSES)


def _ssd_resnet(detector: DetectorNetworkParams, pretrained: PretrainedParams) -> SSD:
    assert detector.resnet is not None
    shape = detector.resnet
    pyramid = Pyramid(
        shape.backbone,
        stem_stride=shape.stem_stride,
        layers=shape.layers,
        channels=shape.channels,
        frozen_levels=shape.frozen_levels,
        pretrained=pretrained,
    )
    maps = len(pyramid.stages)
    if len(shape.scales) != maps + 1 or any(small >= large for small, large in pairwise(shape.scales)):
        got = ", ".join(map(str, shape.scales))
        raise ValueError(f"scales: expected {maps + 1} rising sizes for {maps} maps, got {got}")
    boxes = DefaultBoxGenerator([list(shape.aspect_ratios)] * maps, scales=list(shape.scales))
    head = SSDHead([shape.channels] * maps, boxes.num_anchors_per_location(), CLASSES)
    _start_from_the_mined_ratio(head)
    return LeanSSD(pyramid, boxes, (shape.size, shape.size), CLASSES, head=head)


def _start_from_the_mined_ratio(head: SSDHead) -> None:
    """Let the classifier first answer 3 background to 1 part, the ratio mined in training, everywhere.

    With torchvision's random answers, mining finds confident mistakes at first and the first epochs go into
    unlearning them.
    """
    for convolution in head.classification_head.module_list:
        nn.init.normal_(convolution.weight, std=0.01)
        nn.init.zeros_(convolution.bias)
        with torch.no_grad():
            convolution.bias[::CLASSES] = math.log(3 * len(PART_CLASSES))


_BUILDERS: dict[str, Callable[[DetectorNetworkParams, PretrainedParams], SSD]] = {
    "ssd300_vgg16": _ssd300_vgg16,
    "ssdlite320_mobilenet_v3_large": _ssdlite320,
    "ssd_resnet": _ssd_resnet,
}
