"""SPAN's network (SPAN figure 2a, supplement figure 2): one encoder and a mask generator for each view."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.networks.backbone import Backbone, BackboneParams
from pipeline.networks.weights import Pretrained


@dataclass(frozen=True)
class SpanArchitecture:
    """Shape of the network.

    Attributes:
        encoder: ResNet whose stem to ``layer3`` (the paper's conv1 to conv4) is the feature extractor.
        stem_pooling: Keep the stem's max-pooling: features of stride 16, masks of half the input's side. Without
            it, as in the authors' code, features of stride 8 and masks as large as the input.
        input_size: Side of the square input, pixels, a multiple of 16.
    """

    encoder: str
    stem_pooling: bool
    input_size: int

    @property
    def mask_size(self) -> int:
        """Side of the masks, pixels."""
        return self.input_size // 2 if self.stem_pooling else self.input_size


class Span(nn.Module):
    """Predicts one mask a view, each by a generator ("mask decoder") of its own over shared features.

    Args:
        architecture: Its shape.
        views: Number of generators; one for each entry of the image-level label.

    Attributes:
        architecture: As given.
        encoder: Images to features, `(B, width, h, w)`.
        width: Channels of the features.
        generators: One mask decoder a view.

    Raises:
        ValueError: The encoder is unknown or the input size no multiple of 16.
    """

    def __init__(self, architecture: SpanArchitecture, views: int) -> None:
        super().__init__()
        if architecture.input_size <= 0 or architecture.input_size % 16:
            raise ValueError(f"input_size: expected a multiple of 16, got {architecture.input_size}")
        self.architecture = architecture
        backbone = _backbone(architecture)
        self.encoder = backbone.stem
        self.width = backbone.stem_width
        self.generators = nn.ModuleList(_generator(self.width) for _ in range(views))

    def forward(self, images: Tensor) -> Tensor:
        """Masks M_i of normalised images.

        Args:
            images: `(B, 3, S, S)` float32.

        Returns:
            `(B, views, s, s)` float in [0, 1], `s` the architecture's `mask_size`.
        """
        features = self.encoder(images)
        return torch.cat([generator(features) for generator in self.generators], dim=1)


def build_span(architecture: SpanArchitecture, views: int, pretrained: Pretrained) -> Span:
    """SPAN with its encoder's first weights loaded, or random where `pretrained.source` is null.

    Raises:
        FileNotFoundError: The file of pretrained weights does not exist.
        ValueError: The pretrained weights do not fit, or the architecture is impossible.
    """
    span = Span(architecture, views)
    if pretrained.source is not None:
        backbone = _backbone(architecture)
        backbone.load_pretrained(pretrained)
        span.encoder.load_state_dict(backbone.stem.state_dict())
    return span


def _backbone(architecture: SpanArchitecture) -> Backbone:
    return Backbone(BackboneParams(architecture.encoder, architecture.stem_pooling, last_stride=1))


def _generator(width: int) -> nn.Sequential:
    """Three generative blocks, widths 256-128-64-1 for a ResNet-34; the last ends in a sigmoid, without a norm."""
    return nn.Sequential(
        *_block(width, width // 2),
        *_block(width // 2, width // 4),
        nn.ConvTranspose2d(width // 4, 1, kernel_size=4, stride=2, padding=1),
        nn.Sigmoid(),
    )


def _block(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    deconvolution = nn.ConvTranspose2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False)
    return deconvolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
