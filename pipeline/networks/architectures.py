"""Networks that serve as backbones, by name: torchvision's ResNets, two small ones, and timm's, divided into levels."""

from collections.abc import Callable

from torch import nn
from torchvision.models import resnet18, resnet34, resnet50
from torchvision.models.resnet import BasicBlock, ResNet

NARROW_WIDTH = 32
"""Channels of the narrow network's stem; torchvision's have 64."""

LEVELS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("conv1", "bn1", "relu", "maxpool"), ("layer1",), ("layer2",), ("layer3",), ("layer4",)),
    (("conv1", "bn1", "act1", "maxpool"), ("layer1",), ("layer2",), ("layer3",), ("layer4",)),
    (("conv_stem", "bn1"), ("blocks",)),
    (("stem",), ("stages",)),
    (("stem",), ("s1",), ("s2",), ("s3",), ("s4",)),
)
"""How families of networks are divided: torchvision's ResNets; timm's ResNets; its EfficientNets and MobileNets; its
ConvNeXts; its RegNets. ``blocks`` and ``stages`` are lists of levels themselves."""


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


RESNETS: dict[str, Callable[[], ResNet]] = {
    "resnet10": resnet10,
    "resnet10_narrow": resnet10_narrow,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
}


def build_architecture(name: str) -> nn.Module:
    """A network with random weights, its classifier included.

    Args:
        name: A key of `RESNETS`, or a name of timm's.

    Raises:
        ValueError: It is neither.
    """
    network: nn.Module
    if name in RESNETS:
        network = RESNETS[name]()
        return network
    import timm  # here, because it takes a second that ResNets need not wait

    if not timm.is_model(name):
        raise ValueError(f"backbone: expected one of {', '.join(RESNETS)}, or a name of timm's, got {name!r}")
    network = timm.create_model(name, pretrained=False)
    return network


def levels_of(network: nn.Module, name: str) -> list[list[nn.Module]]:
    """Divide a network into the levels an image passes one after another, the classifier left out.

    Args:
        network: From `build_architecture`.
        name: Its name, for messages.

    Raises:
        ValueError: It is of no family in `LEVELS`.
    """
    for family in LEVELS:
        if all(hasattr(network, part) for level in family for part in level):
            found = [[network.get_submodule(part) for part in level] for level in family]
            if len(family) == 2:  # a stem, and a list of levels
                return [found[0], *([level] for level in found[1][0].children())]
            return found
    raise ValueError(f"backbone: {name} is not made of levels; expected a ResNet, EfficientNet, ConvNeXt or the like")
