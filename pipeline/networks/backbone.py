"""A network as a feature extractor in two stages: cut where a model needs it, strides and trained levels chosen."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pipeline.networks.architectures import build_architecture, levels_of
from pipeline.networks.cells import Cells, cells_of
from pipeline.networks.pretrained import PretrainedParams, load_pretrained
from pipeline.networks.stage import Stage
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
    """Stride of the last level that halves the map, a ResNet's ``layer4``: 2 as published, 1 for a finer map (PGAN §4.2
    after its baseline; a 224-pixel input gives 14 x 14 cells)."""
    levels: PositiveInt | None = Field(default=None, kw_only=True)
    """Levels kept, the stem counted; null keeps all. A network that ends earlier is cheaper and its last map finer."""
    frozen_levels: NonNegativeInt = Field(default=0, kw_only=True)
    """First levels, of the first stage, that keep their pretrained weights and norms and cost no backward pass."""
    second_levels: PositiveInt | None = Field(default=None, kw_only=True)
    """Last levels that are the second stage, of which SPAN trains a copy a view; null: those from the last halving on,
    a ResNet's ``layer4``."""


class Backbone(nn.Module):
    """A network without its classifier, in two stages.

    The second stage begins where the map is halved for the last time, unless `params.second_levels` says otherwise: at
    a ResNet's ``layer4``, SPAN's conv5; the first is what lies before it, torchvision's stem to ``layer3`` (SPAN's
    conv1 to conv4).

    Args:
        params: Which network.
        pretrained: Where its first weights come from; None, as `PretrainedParams(None)`, leaves them random, but does
            not mind frozen levels, as trained weights will follow.

    Attributes:
        stem: First stage, `(B, 3, H, W)` float32 -> `(B, stem_width, h, w)`.
        layer4: Second stage, `(B, stem_width, h, w)` -> `(B, width, h', w')`.
        stem_width: Channels after the first stage.
        width: Channels after the second.

    Raises:
        FileNotFoundError: The file of pretrained weights does not exist.
        ValueError: The backbone is unknown or does not have the levels asked for; or pretrained weights do not fit, or
            there are none for levels that are to be frozen.
    """

    def __init__(self, params: BackboneParams, pretrained: PretrainedParams | None = None) -> None:
        super().__init__()
        self.params = params
        network = build_architecture(params.backbone)
        if pretrained is not None:
            check_frozen(params.frozen_levels, pretrained)
            load_pretrained(network, params.backbone, pretrained)
        levels = _kept_levels(params, network)
        maps = level_maps(levels)
        _set_stride(levels[_last_halving(maps)], params.last_stride)
        split = _split(params, maps)
        self.stem, self.layer4 = _stages(params, levels, split)
        self.stem_width, self.width = maps[split - 1].channels, maps[-1].channels

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Load ImageNet weights, or keep what there is where `pretrained.source` is null; raises as the class."""
        check_frozen(self.params.frozen_levels, pretrained)
        if pretrained.source is not None:
            self.load_state_dict(Backbone(self.params, pretrained).state_dict())

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


def check_frozen(frozen_levels: int, pretrained: PretrainedParams) -> None:
    """Refuse to freeze levels that have no pretrained weights.

    Raises:
        ValueError: Some are to be frozen and `pretrained` names no weights.
    """
    if frozen_levels and pretrained.source is None:
        raise ValueError("frozen_levels: expected 0 where pretrained.source is null, as they would stay random")


class LevelMap(NamedTuple):
    """What a level puts out.

    Attributes:
        stride: Pixels of the image from one cell to the next.
        channels: Of its map.
    """

    stride: int
    channels: int


@torch.no_grad()
def level_maps(levels: Sequence[Sequence[nn.Module]]) -> list[LevelMap]:
    """Maps after each level of a network, found by passing a blank image of `PROBE_SIDE` pixels."""
    features, maps = torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE), []
    for level in levels:
        for module in level:
            features = module.eval()(features)
            module.train()
        maps.append(LevelMap(PROBE_SIDE // features.shape[2], features.shape[1]))
    return maps


def _kept_levels(params: BackboneParams, network: nn.Module) -> list[list[nn.Module]]:
    """The levels asked for, the stem with or without its pooling."""
    levels = levels_of(network, params.backbone)
    kept = len(levels) if params.levels is None else params.levels
    if kept > len(levels):
        raise ValueError(f"levels: expected at most the {len(levels)} of {params.backbone}, got {kept}")
    _set_pooling(levels[0], params)
    return levels[:kept]


def _split(params: BackboneParams, maps: list[LevelMap]) -> int:
    """Levels of the first stage."""
    halving = _last_halving(maps)
    if not halving:
        raise ValueError(
            f"levels: expected some after the stem that halve the map of {params.backbone}, got {len(maps)}"
        )
    if params.second_levels is not None and params.second_levels >= len(maps):
        raise ValueError(
            f"second_levels: expected fewer than the {len(maps)} levels of {params.backbone}, "
            f"got {params.second_levels}"
        )
    split = halving if params.second_levels is None else len(maps) - params.second_levels
    if params.frozen_levels > split:
        raise ValueError(f"frozen_levels: expected at most the {split} of the first stage, got {params.frozen_levels}")
    return split


def _stages(params: BackboneParams, levels: list[list[nn.Module]], split: int) -> tuple[nn.Module, nn.Module]:
    """First and second stage."""
    frozen = sum(len(level) for level in levels[: params.frozen_levels])
    first, second = ([module for level in part for module in level] for part in (levels[:split], levels[split:]))
    return Stage(first, frozen), second[0] if len(second) == 1 else nn.Sequential(*second)


def _last_halving(maps: list[LevelMap]) -> int:
    """The last level whose stride is greater than that of the one before; 0 where there is none."""
    return max((number for number in range(1, len(maps)) if maps[number].stride > maps[number - 1].stride), default=0)


def _set_pooling(stem: list[nn.Module], params: BackboneParams) -> None:
    if params.stem_pooling:
        return
    if not isinstance(stem[-1], nn.MaxPool2d):
        raise ValueError(f"stem_pooling: expected true, because {params.backbone} has no pooling in its stem")
    stem[-1] = nn.Identity()


def _set_stride(level: list[nn.Module], stride: int) -> None:
    """Set the stride of a level's convolutions that have one."""
    for convolution in (module for module in nn.ModuleList(level).modules() if isinstance(module, nn.Conv2d)):
        if convolution.stride != (1, 1):
            convolution.stride = (stride, stride)
