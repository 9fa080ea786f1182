"""SSD300 over VGG-16, its first weights and how they want images scaled."""

from typing import Literal

import torch
from torch import nn
from torchvision.models import VGG16_Weights, vgg16
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.ssd import SSD

from pipeline.networks.pretrained import PretrainedParams, load_pretrained
from pipeline.networks.tensors import IMAGENET_MEAN, IMAGENET_STD

Normalisation = Literal["features", "imagenet"]

SCALES: dict[Normalisation, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "features": ((0.48235, 0.45882, 0.40784), (1 / 255,) * 3),
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
}
"""Mean and deviation, in [0, 1] RGB, that are taken out of images; those of ``features`` leave grey levels, as Caffe's
VGG-16 and SSD have it."""

HIDDEN = 4096
"""Outputs of the first layer of VGG-16's classifier."""


def normalisation_of(pretrained: PretrainedParams) -> Normalisation:
    """How weights of VGG-16 want images scaled, by torchvision's name for them or by their classifier.

    torchvision's ``IMAGENET1K_FEATURES``, ported from Caffe for SSD, has a classifier filled with NaN; a classifier
    of numbers is that of a network trained with ImageNet's mean and deviation.

    Args:
        pretrained: Where the weights are; none at all means ``features``, SSD's own.

    Raises:
        FileNotFoundError: The local file does not exist.
        ValueError: The file has no classifier, so that nothing tells.
    """
    if pretrained.source is None:
        return "features"
    if pretrained.source == "timm" or pretrained.source in VGG16_Weights.__members__:
        return "features" if pretrained.source == "IMAGENET1K_FEATURES" else "imagenet"
    layer = nn.Module()
    layer.bias = nn.Parameter(torch.zeros(HIDDEN))
    classifier = nn.ModuleDict({"classifier": nn.Sequential(layer)})
    if load_pretrained(classifier, "vgg16", pretrained):
        raise ValueError(
            f"{pretrained.source}: has no classifier of VGG-16 (classifier.0.bias of {HIDDEN} numbers), which tells "
            "how the weights want images scaled; set train_detector.network.normalisation to features (grey levels, as "
            "IMAGENET1K_FEATURES and Caffe's weights) or imagenet (as IMAGENET1K_V1)"
        )
    return "features" if bool(layer.bias.isnan().all()) else "imagenet"


def build_vgg_ssd(classes: int, normalisation: Normalisation, pretrained: PretrainedParams) -> SSD:
    """SSD300 of torchvision with VGG-16's convolutions loaded, or random where `pretrained.source` is null.

    Args:
        classes: Outputs of the classifier, background among them.
        normalisation: How images are scaled.
        pretrained: ImageNet weights of VGG-16.
    """
    mean, deviation = SCALES[normalisation]
    detector = ssd300_vgg16(
        weights=None, weights_backbone=None, num_classes=classes, image_mean=list(mean), image_std=list(deviation)
    )
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
