"""A feature pyramid over a backbone's levels: the maps the heads of `ssd_resnet` read."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from pipeline.networks.architectures import build_architecture, levels_of
from pipeline.networks.backbone import LevelMap, level_maps
from pipeline.networks.pretrained import PretrainedParams, load_pretrained
from pipeline.networks.stage import Stage


class Pyramid(nn.Module):
    """Maps of a network at rising strides, mixed from coarse to fine (Lin et al. 2017), all of equal width.

    Args:
        backbone: A ResNet of `RESNETS`, or a name of timm's.
        stem_stride: Stride of a ResNet's stem; 4 drops its pooling.
        layers: First and last map; map n has stride 2^(n+1), as a ResNet's layer n.
        channels: Channels of every map.
        frozen_levels: First levels, the stem counted, that keep their pretrained weights and norms.
        pretrained: ImageNet weights of the backbone.

    Attributes:
        out_channels: As `channels`; torchvision's SSD asks for it.

    Raises:
        ValueError: The backbone is unknown, has no such maps, or its weights do not fit.
    """

    def __init__(
        self,
        backbone: str,
        *,
        stem_stride: Literal[2, 4],
        layers: tuple[int, int],
        channels: int,
        frozen_levels: int,
        pretrained: PretrainedParams,
    ) -> None:
        super().__init__()
        network = build_architecture(backbone)
        load_pretrained(network, backbone, pretrained)
        levels = levels_of(network, backbone)
        maps = level_maps(levels)
        if stem_stride == 4:
            _widen_stride(levels[0], backbone)
        ends = _ends(maps, layers, backbone)
        if frozen_levels > ends[0]:
            raise ValueError(f"frozen_levels: expected at most the {ends[0]} of the first map, got {frozen_levels}")
        parts = [[module for level in levels[a:b] for module in level] for a, b in pairwise([0, *ends])]
        frozen = [sum(len(level) for level in levels[:frozen_levels]), *[0] * len(parts)]
        self.stages = nn.ModuleList(Stage(part, count) for part, count in zip(parts, frozen, strict=False))
        self.mixed = FeaturePyramidNetwork(
            [maps[end - 1].channels for end in ends], channels, norm_layer=nn.BatchNorm2d
        )
        self.out_channels = channels

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Maps of normalised images, from fine to coarse.

        Args:
            images: `(B, 3, S, S)` float32.

        Returns:
            Number, as text, -> `(B, channels, S / stride, S / stride)` float32.
        """
        features, maps = images, {}
        for number, stage in enumerate(self.stages):
            maps[str(number)] = features = stage(features)
        return self.mixed(maps)  # type: ignore[no-any-return]


def _ends(maps: list[LevelMap], layers: tuple[int, int], backbone: str) -> list[int]:
    """Levels up to each map: all whose stride is no greater."""
    strides = [2 ** (number + 1) for number in range(layers[0], layers[1] + 1)]
    present = [level.stride for level in maps]
    if not strides or not set(strides) <= set(present):
        raise ValueError(
            f"layers: expected the first and the last of 1 to {max(present).bit_length() - 2}, whose strides "
            f"{backbone} has, got {layers[0]} and {layers[1]}"
        )
    return [max(number for number, found in enumerate(present) if found <= stride) + 1 for stride in strides]


def _widen_stride(stem: list[nn.Module], backbone: str) -> None:
    """Give a stem's convolution the stride that its pooling made up."""
    if not isinstance(stem[-1], nn.MaxPool2d) or not isinstance(stem[0], nn.Conv2d):
        raise ValueError(f"stem_stride: expected 2, because {backbone} has no pooling in its stem")
    stem[0].stride, stem[-1] = (4, 4), nn.Identity()
