"""The foreground network: a ResNet followed by transposed convolutions (SPAN supplement §1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from pipeline.networks.backbone import Backbone, BackboneParams
from pipeline.networks.weights import Pretrained
from pipeline.store.params import build

STEM_STRIDE = 8
"""Input pixels a cell of ``layer3`` without the stem's max-pooling."""


@dataclass(frozen=True)
class ForegroundArchitecture:
    """Shape of the network.

    Attributes:
        encoder: ResNet, a key of `pipeline.networks.backbone.ARCHITECTURES`.
        stem_pooling: Keep the stem's max-pooling; without it the mask has twice the side.
        last_layer: Where the encoder ends: ``layer4``, or ``layer3`` (release).
        last_stride: Stride of ``layer4``.
        decoder_widths: Channels after each transposed convolution but the last, whose one channel is the mask;
            each doubles the side.
        input_size: Side of the square input, pixels; a multiple of the encoder's stride.
    """

    encoder: str
    stem_pooling: bool
    last_layer: Literal["layer3", "layer4"]
    last_stride: int
    decoder_widths: tuple[int, ...]
    input_size: int

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
    """Predicts one foreground mask an image.

    Args:
        architecture: Its shape.

    Attributes:
        architecture: As given.
        encoder: Images to features.
        decoder: Features to mask.

    Raises:
        ValueError: The encoder is unknown or the input size no multiple of its stride.
    """

    def __init__(self, architecture: ForegroundArchitecture) -> None:
        super().__init__()
        if architecture.input_size <= 0 or architecture.input_size % architecture.stride:
            raise ValueError(
                f"input_size: expected a multiple of the encoder's stride {architecture.stride}, "
                f"got {architecture.input_size}"
            )
        self.architecture = architecture
        backbone = _backbone(architecture)
        deep = architecture.last_layer == "layer4"
        self.encoder: nn.Module = backbone if deep else backbone.stem
        self.decoder = _decoder(backbone.width if deep else backbone.stem_width, architecture.decoder_widths)

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds of foreground.

        Args:
            images: `(B, 3, S, S)` float32, normalised.

        Returns:
            `(B, s, s)` float32, `s` the architecture's `mask_size`; its sigmoid is the probability.
        """
        return self.decoder(self.encoder(images)).squeeze(1)  # type: ignore[no-any-return]


def build_foreground(architecture: ForegroundArchitecture, pretrained: Pretrained) -> ForegroundNetwork:
    """The network with its encoder's first weights loaded, or random where `pretrained.source` is null.

    Raises:
        FileNotFoundError: The file of pretrained weights does not exist.
        ValueError: The pretrained weights do not fit, or the architecture is impossible.
    """
    network = ForegroundNetwork(architecture)
    if pretrained.source is not None:
        backbone = _backbone(architecture)
        backbone.load_pretrained(pretrained)
        loaded = backbone if architecture.last_layer == "layer4" else backbone.stem
        network.encoder.load_state_dict(loaded.state_dict())
    return network


def restore_foreground(state: Mapping[str, Tensor], metadata: Mapping[str, Any], where: str) -> ForegroundNetwork:
    """Rebuild a trained network, in evaluation mode, from what `pipeline.networks.weights.load` returns.

    Args:
        state: Its weights.
        metadata: Its ``architecture``.
        where: Name of the file, for messages.

    Raises:
        ValueError: The metadata lack the architecture, or the weights do not fit it.
    """
    if "architecture" not in metadata:
        raise ValueError(f"{where}: its metadata have no architecture")
    network = ForegroundNetwork(build(ForegroundArchitecture, metadata["architecture"], f"{where}: architecture"))
    try:
        network.load_state_dict(dict(state))
    except RuntimeError as error:
        raise ValueError(f"{where}: weights do not fit their architecture: {error}") from error
    return network.eval()


def _backbone(architecture: ForegroundArchitecture) -> Backbone:
    return Backbone(BackboneParams(architecture.encoder, architecture.stem_pooling, architecture.last_stride))


def _decoder(width: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip((width, *widths), widths, strict=False):
        deconvolution = nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False)
        layers += [deconvolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    last = nn.ConvTranspose2d((width, *widths)[-1], 1, kernel_size=4, stride=2, padding=1)
    return nn.Sequential(*layers, last)
