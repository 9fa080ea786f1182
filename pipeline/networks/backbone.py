"""A network as a feature extractor in two stages: cut where a model needs it, strides and trained levels chosen."""

from typing import Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pipeline.networks.architectures import build_architecture, levels_of
from pipeline.networks.cells import Cells, cells_of
from pipeline.networks.weights import PretrainedParams, load_pretrained
from pipeline.store.params import parameters

PROBE_SIDE = 64
"""Side of the blank image that shows which levels halve their map, pixels."""


@parameters
class BackboneParams:
    """The network that turns an image into a feature map."""

    backbone: str
    """resnet50, resnet34, resnet18, resnet10, resnet10_narrow (half of its channels), or a name of timm's, such as
    tf_efficientnet_lite0."""
    stem_pooling: bool
    """Keep the stem's max-pooling; without it every map has twice the rows and columns. True for all but ResNets."""
    last_stride: Literal[1, 2]
    """Stride of the second stage, a ResNet's ``layer4``: 2 as published, 1 for a finer map (PGAN §4.2 after its
    baseline; a 224-pixel input gives 14 x 14 cells)."""
    levels: PositiveInt | None = Field(default=None, kw_only=True)
    """Levels kept, the stem counted; null keeps all. A network that ends earlier is cheaper and its last map finer."""
    frozen_levels: NonNegativeInt = Field(default=0, kw_only=True)
    """First levels, of the first stage, that keep their pretrained weights and norms and cost no backward pass."""


class Stage(nn.Sequential):
    """Levels of a network, the first of which may be frozen.

    Args:
        modules: In the order an image passes them.
        frozen: First modules that are not trained: no gradient, norms in evaluation mode.
    """

    def __init__(self, modules: list[nn.Module], frozen: int) -> None:
        super().__init__(*modules)
        self.frozen = frozen
        for module in modules[:frozen]:
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> "Stage":
        """Set the mode of what is trained."""
        super().train(mode)
        for module in list(self)[: self.frozen]:
            module.eval()
        return self


class Backbone(nn.Module):
    """A network without its classifier, in two stages.

    The second stage begins where the map is halved for the last time: at a ResNet's ``layer4``, SPAN's conv5; the first
    is what lies before it, torchvision's stem to ``layer3`` (SPAN's conv1 to conv4).

    Args:
        params: Which network.

    Attributes:
        stem: First stage, `(B, 3, H, W)` float32 -> `(B, stem_width, h, w)`.
        layer4: Second stage, `(B, stem_width, h, w)` -> `(B, width, h', w')`.
        stem_width: Channels after the first stage.
        width: Channels after the second.

    Raises:
        ValueError: The backbone is unknown or does not have the levels asked for.
    """

    def __init__(self, params: BackboneParams) -> None:
        super().__init__()
        self.params = params
        first, second, frozen = _stages(params)
        _set_stride(second[0], params.last_stride)
        self.stem: nn.Module = Stage(first, frozen)
        self.layer4: nn.Module = second[0] if len(second) == 1 else nn.Sequential(*second)
        self.stem_width, self.width = _width(self.stem), _width(nn.Sequential(self.stem, self.layer4))

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Load ImageNet weights, or keep the random initial ones where `pretrained.source` is null.

        Raises:
            ValueError: They do not fit, or there are none for levels that are to be frozen.
        """
        if pretrained.source is None:
            if self.params.frozen_levels:
                raise ValueError("frozen_levels: expected 0 where pretrained.source is null, as they would stay random")
            return
        network = build_architecture(self.params.backbone)
        load_pretrained(network, self.params.backbone, pretrained)
        first, second, _ = _stages(self.params, network)
        self.stem.load_state_dict(nn.Sequential(*first).state_dict())
        loaded = second[0] if len(second) == 1 else nn.Sequential(*second)
        self.layer4.load_state_dict(loaded.state_dict())

    def cells(self, side: int, *, of_first_stage: bool = False) -> Cells:
        """Where the cells of the map of a square image look.

        Args:
            side: Side of the image, pixels.
            of_first_stage: Of the map between both stages, not of the last one.
        """
        return cells_of(self.stem if of_first_stage else nn.Sequential(self.stem, self.layer4), side)

    def forward(self, images: Tensor) -> Tensor:
        """Feature map F_g of normalised images: `(B, 3, H, W)` float32 -> `(B, width, h', w')`."""
        return self.layer4(self.stem(images))  # type: ignore[no-any-return]


def _stages(params: BackboneParams, network: nn.Module | None = None) -> tuple[list[nn.Module], list[nn.Module], int]:
    """Modules of the first and the second stage, and how many of the first are frozen."""
    levels = levels_of(network or build_architecture(params.backbone), params.backbone)
    kept = len(levels) if params.levels is None else params.levels
    if kept > len(levels):
        raise ValueError(f"levels: expected at most the {len(levels)} of {params.backbone}, got {kept}")
    _set_pooling(levels[0], params)
    split = _last_halving(levels[:kept])
    if not split:
        raise ValueError(f"levels: expected some after the stem that halve the map of {params.backbone}, got {kept}")
    if params.frozen_levels > split:
        raise ValueError(f"frozen_levels: expected at most the {split} of the first stage, got {params.frozen_levels}")
    frozen = sum(len(level) for level in levels[: params.frozen_levels])
    first = [module for level in levels[:split] for module in level]
    return first, [module for level in levels[split:kept] for module in level], frozen


def _set_pooling(stem: list[nn.Module], params: BackboneParams) -> None:
    if params.stem_pooling:
        return
    if not isinstance(stem[-1], nn.MaxPool2d):
        raise ValueError(f"stem_pooling: expected true, because {params.backbone} has no pooling in its stem")
    stem[-1] = nn.Identity()


@torch.no_grad()
def _last_halving(levels: list[list[nn.Module]]) -> int:
    """The last level whose map has half the rows of the one before."""
    features, found = torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE), 0
    for number, level in enumerate(levels):
        rows = features.shape[2]
        for module in level:
            features = module.eval()(features)
        found = number if features.shape[2] < rows else found
    for level in levels:
        for module in level:
            module.train()
    return found


def _set_stride(level: nn.Module, stride: int) -> None:
    """Set the stride of a level's convolutions that have one."""
    for convolution in (module for module in level.modules() if isinstance(module, nn.Conv2d)):
        if convolution.stride != (1, 1):
            convolution.stride = (stride, stride)


@torch.no_grad()
def _width(network: nn.Module) -> int:
    """Channels a network puts out."""
    width = network.eval()(torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE)).shape[1]
    network.train()
    return int(width)
