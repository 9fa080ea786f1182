"""The part detector: torchvision's SSD over the 16 part classes, with three backbones.

`ssd300_vgg16` is the detector of PGAN §3.2 (Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016).
`ssdlite320_mobilenet_v3_large` is torchvision's light one. `ssd_resnet` is an SSD whose finest feature maps have
stride 4 or 8, for parts of a few pixels and for training from scratch.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, smooth_l1_loss
from torchvision.models import vgg16
from torchvision.models.detection import ssd300_vgg16, ssdlite320_mobilenet_v3_large
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD, SSDHead

from pipeline.networks.backbone import ARCHITECTURES
from pipeline.networks.weights import Pretrained, load_pretrained
from pipeline.store.vocabulary import PART_CLASSES

CLASSES = len(PART_CLASSES) + 1
"""Outputs of the classifier: background is 0, part class `i` is `i + 1`."""


@dataclass(frozen=True)
class ResnetShape:
    """Shape of an `ssd_resnet`.

    Attributes:
        size: Side of the square input, pixels.
        backbone: A ResNet of `pipeline.networks.backbone.ARCHITECTURES`.
        stem_stride: Stride of the stem's convolution: 2, followed by max-pooling, as torchvision has it, or 4
            without the pooling, which halves the cost of a small network.
        layers: First and last ResNet layer that the heads read; layer 1 has stride 4, and each next one twice
            that. Later layers are not built.
        channels: Channels of every feature map the heads read.
        scales: Default box sizes, as shares of the input's side: one a feature map from fine to coarse, and one
            more for the extra square box of the last.
        aspect_ratios: Width over height of further default boxes; each is used both ways round.
    """

    size: int
    backbone: str
    stem_stride: Literal[2, 4]
    layers: tuple[int, int]
    channels: int
    scales: tuple[float, ...]
    aspect_ratios: tuple[float, ...]


@dataclass(frozen=True)
class Architecture:
    """Which detector to build.

    Attributes:
        name: One of the three backbones.
        resnet: Shape of `ssd_resnet`; null for the others, whose shape is fixed.
    """

    name: Literal["ssd300_vgg16", "ssdlite320_mobilenet_v3_large", "ssd_resnet"]
    resnet: ResnetShape | None


def build_detector(architecture: Architecture, pretrained: Pretrained) -> SSD:
    """Return torchvision's SSD for the part classes.

    In training it takes `(images, targets)`, images a list of `(3, S, S)` float in [0, 1] and targets with boxes
    in xyxy pixels and labels from 1, and returns the losses ``bbox_regression`` and ``classification`` (hard
    negatives 3 to 1). In evaluation it returns boxes, labels and scores.

    Args:
        architecture: Which one.
        pretrained: ImageNet weights of its backbone.

    Raises:
        ValueError: The architecture lacks its shape or has one it does not use, or there are no pretrained
            weights for it.
    """
    if (architecture.name == "ssd_resnet") == (architecture.resnet is None):
        raise ValueError(
            f"resnet: expected a shape for ssd_resnet and null for the rest, got {architecture.resnet} for "
            f"{architecture.name}"
        )
    detector = _BUILDERS[architecture.name](architecture, pretrained)
    detector.anchor_generator = _FullPrecisionBoxes(detector.anchor_generator)
    return detector


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


def input_size(detector: SSD) -> int:
    """Side of the square input of a detector, pixels."""
    return int(detector.transform.fixed_size[0])


def _ssd300_vgg16(_: Architecture, pretrained: Pretrained) -> SSD:
    detector = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=CLASSES)
    if pretrained.source is not None:
        with torch.device("meta"):
            vgg = vgg16()
        vgg.classifier = nn.Identity()  # fc6 and fc7 of SSD are convolutions of another shape
        vgg.to_empty(device="cpu")
        load_pretrained(vgg, "vgg16", pretrained)
        body = [*_convolutions(detector.backbone.features), *_convolutions(detector.backbone.extra[0])]
        for target, source in zip(body, _convolutions(vgg.features), strict=False):  # the last two are fc6 and fc7
            target.load_state_dict(source.state_dict())
    return detector


def _convolutions(module: nn.Module) -> list[nn.Module]:
    return [child for child in module.modules() if isinstance(child, nn.Conv2d)]


def _ssdlite320(_: Architecture, pretrained: Pretrained) -> SSD:
    if pretrained.source is not None and pretrained.source.endswith((".pth", ".pt", ".safetensors")):
        raise ValueError(f"{pretrained.source}: ssdlite320_mobilenet_v3_large takes torchvision's weights names only")
    return ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=pretrained.source, num_classes=CLASSES)


def _ssd_resnet(architecture: Architecture, pretrained: Pretrained) -> SSD:
    assert architecture.resnet is not None
    shape = architecture.resnet
    numbers = range(shape.layers[0], shape.layers[1] + 1)
    if not 1 <= shape.layers[0] <= shape.layers[1] <= 4:
        raise ValueError(f"layers: expected the first and the last of ResNet's layers 1 to 4, got {shape.layers}")
    if len(shape.scales) != len(numbers) + 1 or any(small >= large for small, large in pairwise(shape.scales)):
        raise ValueError(
            f"scales: expected {len(numbers) + 1} rising sizes for {len(numbers)} maps, got {shape.scales}"
        )
    if shape.backbone not in ARCHITECTURES:
        raise ValueError(f"backbone: expected one of {', '.join(ARCHITECTURES)}, got {shape.backbone!r}")
    resnet = ARCHITECTURES[shape.backbone]()
    load_pretrained(resnet, shape.backbone, pretrained)
    if shape.stem_stride == 4:
        resnet.conv1.stride, resnet.maxpool = (4, 4), nn.Identity()
    pyramid = BackboneWithFPN(
        resnet,
        return_layers={f"layer{number}": str(number) for number in numbers},
        in_channels_list=[resnet.fc.in_features // 2 ** (4 - number) for number in numbers],
        out_channels=shape.channels,
        norm_layer=nn.BatchNorm2d,
    )
    pyramid.fpn.extra_blocks = None  # torchvision would append a pooled map
    boxes = DefaultBoxGenerator([list(shape.aspect_ratios)] * len(numbers), scales=list(shape.scales))
    head = SSDHead([shape.channels] * len(numbers), boxes.num_anchors_per_location(), CLASSES)
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


_BUILDERS: dict[str, Callable[[Architecture, Pretrained], SSD]] = {
    "ssd300_vgg16": _ssd300_vgg16,
    "ssdlite320_mobilenet_v3_large": _ssdlite320,
    "ssd_resnet": _ssd_resnet,
}
