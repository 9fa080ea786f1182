"""View masks inside a graph, as the stages `predict_foreground` and `predict_part_masks` make them."""

import torch
from torch import Tensor, nn

from pipeline.export.resizing import resized
from pipeline.foreground.network import ForegroundNetwork
from pipeline.foreground.prediction import ForegroundPredictionParams, probabilities_of
from pipeline.networks.tensors import channels_last, normalise
from pipeline.views.network import Span
from pipeline.views.prediction import ViewPredictionParams, stored


class ForegroundGraph(nn.Module):
    """The foreground network with its preprocessing.

    Args:
        network: Trained, in evaluation mode.
        params: Size of the masks, and whether the mirrored image is asked too.
    """

    def __init__(self, network: ForegroundNetwork, params: ForegroundPredictionParams) -> None:
        super().__init__()
        self.network = network
        self.params = params

    def forward(self, images: Tensor) -> Tensor:
        """Foreground masks: `(B, 3, H, W)` uint8 RGB -> `(B, 1, size, size)` uint8, probability x 255."""
        pixels = channels_last(normalise(resized(images, self.network.shape.input_size)))
        masks = (probabilities_of(self.network, pixels, self.params.mirrored_too) * 255).round().to(torch.uint8)
        return resized(masks[:, None], self.params.size)


class ViewGraph(nn.Module):
    """SPAN with its preprocessing.

    Args:
        span: Trained, in evaluation mode.
        params: Size of the masks.
        foreground: Gives the masks they are cut to; None takes them as they are.
    """

    def __init__(self, span: Span, params: ViewPredictionParams, foreground: ForegroundGraph | None) -> None:
        super().__init__()
        self.span = span
        self.params = params
        self.foreground = foreground

    def forward(self, images: Tensor) -> Tensor:
        """View masks: `(B, 3, H, W)` uint8 RGB -> `(B, 3, size, size)` uint8, probability x 255, order `VIEWS`."""
        pixels = channels_last(normalise(resized(images, self.span.shape.input_size)))
        masks = stored(self.span(pixels).float(), self.params.size)
        if self.foreground is None:
            return masks
        shares = resized(self.foreground(images), self.params.size).float() / 255
        return (masks.float() * shares).round().to(torch.uint8)


def area_ratios(masks: Tensor) -> Tensor:
    """Area ratios as CPDM reads them: the whole image's, always 1, and those of `pipeline.artifacts.views.area_ratios`.

    Args:
        masks: `(B, 3, S, S)` uint8.

    Returns:
        `(B, 4)` float32 in [0, 1].
    """
    areas = masks.double().sum((2, 3))
    shares = areas / areas.sum(1, keepdim=True).clamp(min=1)
    return torch.cat([torch.ones_like(shares[:, :1]), shares], 1).float()
