"""The foreground network: a ResNet followed by transposed convolutions (SPAN supplement §1)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pipeline.foreground.trained_on import KIND
from pipeline.networks import weights
from pipeline.networks.backbone import Backbone, BackboneParams, check_frozen
from pipeline.networks.pretrained import PretrainedParams
from pipeline.store.params import parameters

STEM_STRIDE = 8
"""Input pixels a cell of ``layer3`` without the stem's max-pooling."""


@parameters
class ForegroundNetworkParams:
    """Shape of the foreground network."""

    backbone: str
    """resnet50, resnet34 (release), resnet18, resnet10, resnet10_narrow, or a name of timm's."""
    stem_pooling: bool
    """Keep the stem's max-pooling; without it the mask has twice the side."""
    last_layer: Literal["layer3", "layer4"]
    """Where the backbone ends: ``layer4``, or ``layer3`` (release); of a network of timm's, with its second or its
    first stage, which are divided by the last halving."""
    last_stride: Literal[1, 2]
    """Stride of ``layer4``."""
    decoder_widths: tuple[PositiveInt, ...]
    """Channels after each transposed convolution but the last, whose one channel is the mask; each doubles the
    side."""
    input_size: PositiveInt
    """Side of the square input, pixels; a multiple of the backbone's stride."""
    frozen_levels: NonNegativeInt = Field(default=0, kw_only=True)
    """First levels of the backbone, the stem counted, that keep their pretrained weights and norms."""

    @property
    def stride(self) -> int:
        """Input pixels a cell of the features."""
        doubled = int(self.stem_pooling) + int(self.last_layer == "layer4" and self.last_stride == 2)
        return STEM_STRIDE << doubled

    @property
    def mask_size(self) -> int:
        """Side of the mask, pixels."""
        return (self.input_size // self.stride) << (len(self.decoder_widths) + 1)


class ForegroundNetwork(nn.Module):
    """Predicts one foreground mask per image.

    Args:
        shape: Its shape.

    Attributes:
        shape: As given.
        encoder: Images to features.
        decoder: Features to mask.

    Raises:
        ValueError: The backbone is unknown or the input size no multiple of its stride.
    """

    def __init__(self, shape: ForegroundNetworkParams) -> None:
        super().__init__()
        if shape.input_size <= 0 or shape.input_size % shape.stride:
            raise ValueError(
                f"input_size: expected a multiple of the backbone's stride {shape.stride}, got {shape.input_size}"
            )
        self.shape = shape
        backbone = _backbone(shape)
        deep = shape.last_layer == "layer4"
        self.encoder: nn.Module = backbone if deep else backbone.stem
        self.decoder = _decoder(backbone.width if deep else backbone.stem_width, shape.decoder_widths)

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds of foreground.

        Args:
            images: `(B, 3, S, S)` float32, normalised.

        Returns:
            `(B, s, s)` float32, `s` the shape's `mask_size`; its sigmoid is the probability.
        """
        return self.decoder(self.encoder(images)).squeeze(1)  # type: ignore[no-any-return]


def build_foreground(shape: ForegroundNetworkParams, pretrained: PretrainedParams) -> ForegroundNetwork:
    """The network with its encoder's first weights loaded, or random where `pretrained.source` is null.

    Raises:
        FileNotFoundError: The file of pretrained weights does not exist.
        ValueError: The pretrained weights do not fit, or the shape is impossible.
    """
    check_frozen(shape.frozen_levels, pretrained)
    network = ForegroundNetwork(shape)
    if pretrained.source is not None:
        backbone = _backbone(shape, pretrained)
        loaded = backbone if shape.last_layer == "layer4" else backbone.stem
        network.encoder.load_state_dict(loaded.state_dict())
    return network


def restore(path: Path) -> ForegroundNetwork:
    """Rebuild a trained network, in evaluation mode.

    Args:
        path: Its weights.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It holds other weights, or those of another version of this pipeline.
    """
    state, metadata = weights.load(path, KIND)
    network = ForegroundNetwork(weights.params_of(ForegroundNetworkParams, metadata, "network", path))
    weights.fill(network, state, path)
    return network.eval()


def _backbone(shape: ForegroundNetworkParams, pretrained: PretrainedParams | None = None) -> Backbone:
    kept = BackboneParams(shape.backbone, shape.stem_pooling, shape.last_stride, frozen_levels=shape.frozen_levels)
    return Backbone(kept, pretrained)


def _decoder(width: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip((width, *widths), widths, strict=False):
        deconvolution = nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False)
        layers += [deconvolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    last = nn.ConvTranspose2d((width, *widths)[-1], 1, kernel_size=4, stride=2, padding=1)
    return nn.Sequential(*layers, last)
