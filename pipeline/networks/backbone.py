"""ResNets as feature extractors: torchvision's blocks and names, last stride 1, cut where a model needs it."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn
from torchvision.models import resnet18, resnet34, resnet50
from torchvision.models.resnet import BasicBlock, ResNet

from pipeline.networks.weights import PretrainedParams, load_pretrained
from pipeline.store.params import parameters

NARROW_WIDTH = 32
"""Channels of the narrow network's stem; torchvision's have 64."""


def resnet10() -> ResNet:
    """Torchvision's ResNet with one basic block a stage, for small data sets; no published weights fit it."""
    return ResNet(BasicBlock, [1, 1, 1, 1])


def resnet10_narrow() -> ResNet:
    """`resnet10` with half the channels everywhere (32, 64, 128, 256), a quarter of the arithmetic."""
    network = resnet10()
    network.conv1 = nn.Conv2d(3, NARROW_WIDTH, 7, stride=2, padding=3, bias=False)
    network.bn1 = nn.BatchNorm2d(NARROW_WIDTH)
    network.layer1 = _basic_block(NARROW_WIDTH, NARROW_WIDTH, stride=1)
    network.layer2 = _basic_block(NARROW_WIDTH, 2 * NARROW_WIDTH, stride=2)
    network.layer3 = _basic_block(2 * NARROW_WIDTH, 4 * NARROW_WIDTH, stride=2)
    network.layer4 = _basic_block(4 * NARROW_WIDTH, 8 * NARROW_WIDTH, stride=2)
    network.fc = nn.Linear(8 * NARROW_WIDTH, network.fc.out_features)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def _basic_block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    return nn.Sequential(BasicBlock(inputs, outputs, stride, None if inputs == outputs else shortcut))


BACKBONES: dict[str, Callable[[], ResNet]] = {
    "resnet10": resnet10,
    "resnet10_narrow": resnet10_narrow,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
}


@parameters
class BackboneParams:
    """The network that turns an image into a feature map."""

    backbone: str
    """A key of `BACKBONES`: resnet50, resnet34, resnet18, resnet10, or resnet10_narrow (half of its channels)."""
    stem_pooling: bool
    """Keep the stem's max-pooling; without it every map has twice the rows and columns."""
    last_stride: Literal[1, 2]
    """Stride of ``layer4``: 2 as torchvision has it, 1 for a finer map (PGAN §4.2 after its baseline; a 224-pixel input
    gives 14 x 14 cells)."""


class Backbone(nn.Module):
    """A ResNet without its classifier, in two stages.

    The first stage is torchvision's stem to ``layer3`` (SPAN's conv1 to conv4), the second ``layer4`` (conv5).

    Args:
        params: Which network.

    Attributes:
        stem: First stage, `(B, 3, H, W)` float32 -> `(B, stem_width, h, w)`.
        layer4: Second stage, `(B, stem_width, h, w)` -> `(B, width, h', w')`.
        stem_width: Channels after ``layer3``.
        width: Channels after ``layer4``.

    Raises:
        ValueError: The backbone is unknown.
    """

    def __init__(self, params: BackboneParams) -> None:
        super().__init__()
        self.params = params
        network = _build(params.backbone)
        _set_stride(network.layer4[0], params.last_stride)
        pooling = network.maxpool if params.stem_pooling else nn.Identity()
        self.stem = _stem_of(network, pooling)
        self.layer4: nn.Module = network.layer4
        self.width = int(network.fc.in_features)
        self.stem_width = _input_width(network.layer4[0])

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Load ImageNet weights, or keep the random initial ones where `pretrained.source` is null."""
        if pretrained.source is None:
            return
        network = _build(self.params.backbone)
        load_pretrained(network, self.params.backbone, pretrained)
        self.stem.load_state_dict(_stem_of(network, network.maxpool).state_dict())
        self.layer4.load_state_dict(network.layer4.state_dict())

    def forward(self, images: Tensor) -> Tensor:
        """Feature map F_g of normalised images: `(B, 3, H, W)` float32 -> `(B, width, h', w')`."""
        return self.layer4(self.stem(images))  # type: ignore[no-any-return]


def _build(backbone: str) -> ResNet:
    if backbone not in BACKBONES:
        raise ValueError(f"backbone: expected one of {', '.join(BACKBONES)}, got {backbone!r}")
    return BACKBONES[backbone]()


def _stem_of(network: ResNet, pooling: nn.Module) -> nn.Sequential:
    layers = (network.layer1, network.layer2, network.layer3)
    return nn.Sequential(network.conv1, network.bn1, network.relu, pooling, *layers)


def _set_stride(block: nn.Module, stride: int) -> None:
    """Set the stride of a stage's first block, wherever torchvision keeps it."""
    for convolution in (module for module in block.modules() if isinstance(module, nn.Conv2d)):
        if convolution.stride != (1, 1):
            convolution.stride = (stride, stride)


def _input_width(block: nn.Module) -> int:
    return next(module.in_channels for module in block.modules() if isinstance(module, nn.Conv2d))
