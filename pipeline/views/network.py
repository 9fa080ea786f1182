"""SPAN's network (SPAN figure 2a, supplement figure 2): one encoder and a mask generator for each label."""

from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pipeline.networks import weights
from pipeline.networks.backbone import Backbone, BackboneParams, check_frozen
from pipeline.networks.pretrained import PretrainedParams
from pipeline.store.params import parameters
from pipeline.views.trained_on import KIND


@parameters
class SpanNetworkParams:
    """Shape of SPAN."""

    backbone: str
    """Network whose first stage is the feature extractor: of a ResNet its stem to ``layer3`` (the paper's conv1 to
    conv4, SPAN §4.2); of a network of timm's what lies before its last halving."""
    stem_pooling: bool
    """Keep the stem's max-pooling: features of stride 16, masks of half the input's side. Without it, as in the
    authors' code, features of stride 8 and masks as large as the input."""
    input_size: PositiveInt
    """Side of the square input, pixels, a multiple of 16 (release: 192)."""
    frozen_levels: NonNegativeInt = Field(default=0, kw_only=True)
    """First levels of the network, the stem counted, that keep their pretrained weights and norms."""

    @property
    def mask_size(self) -> int:
        """Side of the masks, pixels."""
        return self.input_size // 2 if self.stem_pooling else self.input_size


class Span(nn.Module):
    """Predicts one mask per image-level label, each by a generator ("mask decoder") of its own over shared features.

    Args:
        shape: Its shape.
        labels: What an image may be labelled with; for vehicles, `VIEWS`.

    Attributes:
        shape: As given.
        labels: As given, in the order of the masks.
        encoder: Images to features, `(B, width, h, w)`.
        width: Channels of the features.
        generators: One mask decoder a label.

    Raises:
        ValueError: The backbone is unknown or the input size no multiple of 16.
    """

    def __init__(self, shape: SpanNetworkParams, labels: Sequence[str]) -> None:
        super().__init__()
        if shape.input_size <= 0 or shape.input_size % 16:
            raise ValueError(f"input_size: expected a multiple of 16, got {shape.input_size}")
        self.shape = shape
        self.labels = tuple(labels)
        backbone = _backbone(shape)
        self.encoder = backbone.stem
        self.width = backbone.stem_width
        self.generators = nn.ModuleList(_generator(self.width) for _ in labels)

    def forward(self, images: Tensor) -> Tensor:
        """Masks M_i of normalised images.

        Args:
            images: `(B, 3, S, S)` float32.

        Returns:
            `(B, K, s, s)` float in [0, 1], `s` the shape's `mask_size`.
        """
        features = self.encoder(images)
        return torch.cat([generator(features) for generator in self.generators], dim=1)


def build_span(shape: SpanNetworkParams, labels: Sequence[str], pretrained: PretrainedParams) -> Span:
    """SPAN with its encoder's first weights loaded, or random where `pretrained.source` is null.

    Raises:
        FileNotFoundError: The file of pretrained weights does not exist.
        ValueError: The pretrained weights do not fit, or the shape is impossible.
    """
    check_frozen(shape.frozen_levels, pretrained)
    span = Span(shape, labels)
    if pretrained.source is not None:
        backbone = _backbone(shape, pretrained)
        span.encoder.load_state_dict(backbone.stem.state_dict())
    return span


def restore(path: Path, labels: Sequence[str] | None = None) -> Span:
    """Rebuild a trained SPAN, in evaluation mode.

    Args:
        path: Its weights.
        labels: Those that whoever uses its masks needs, in this order; None takes any.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It holds other weights, those of another version of this pipeline, or of a SPAN of other labels.
    """
    state, metadata = weights.load(path, KIND)
    found = metadata["views"]
    if labels is not None and found != list(labels):
        raise ValueError(f"{path}: expected a SPAN of the labels {', '.join(labels)}, got one of {', '.join(found)}")
    span = Span(weights.params_of(SpanNetworkParams, metadata, "network", path), found)
    weights.fill(span, state, path)
    return span.to(memory_format=torch.channels_last).eval()


def _backbone(shape: SpanNetworkParams, pretrained: PretrainedParams | None = None) -> Backbone:
    kept = BackboneParams(shape.backbone, shape.stem_pooling, last_stride=1, frozen_levels=shape.frozen_levels)
    return Backbone(kept, pretrained)


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
