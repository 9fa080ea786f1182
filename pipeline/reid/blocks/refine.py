"""The refinement that shortens a feature map and pools it (PGAN §3.4)."""

from typing import Literal

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck
from torchvision.ops import SqueezeExcitation

from pipeline.store.params import parameters

SQUEEZE_REDUCTION = 8


@parameters
class RefineParams:
    """Layers of a refinement."""

    refinement: Literal["paper", "release"] = "paper"
    """``paper``: an SE block with biases and ResNet-50's bottleneck, which ends in a ReLU (He et al. 2016, as PGAN
    cites it); ``release``: an SE block without biases and a residual block whose norms and ReLUs come before its
    convolutions, so that the feature has negative numbers too."""


class PreActivation(nn.Module):
    """A bottleneck of norm, ReLU and convolution three times, as in the release.

    The shortcut is a convolution of the map after its first ReLU, without a norm, or the map itself where the channels
    stay as many.

    Args:
        inputs: Channels of the map.
        outputs: Channels it puts out, a multiple of 4.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        middle = outputs // Bottleneck.expansion
        self.activated = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        self.convolved = nn.Sequential(
            nn.Conv2d(inputs, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, middle, 3, padding=1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, outputs, 1, bias=False),
        )
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else None

    def forward(self, features: Tensor) -> Tensor:
        """`(B, inputs, H, W)` float32 -> `(B, outputs, H, W)` float32."""
        activated = self.activated(features)
        kept = features if self.shortcut is None else self.shortcut(activated)
        return self.convolved(activated) + kept  # type: ignore[no-any-return]


class Refine(nn.Module):
    """SE block, residual block and global average pooling, PGAN §3.4, which does not specify the residual block.

    Args:
        inputs: Channels of the map.
        outputs: Length of the feature, a multiple of 4.
        params: Which layers.

    Raises:
        ValueError: `outputs` is not a multiple of the bottleneck's expansion, 4.
    """

    def __init__(self, inputs: int, outputs: int, params: RefineParams) -> None:
        super().__init__()
        if outputs % Bottleneck.expansion:
            raise ValueError(f"dimension: expected a multiple of {Bottleneck.expansion}, got {outputs}")
        self.excitation = SqueezeExcitation(inputs, inputs // SQUEEZE_REDUCTION)
        if params.refinement == "release":
            self.excitation.fc1.bias = self.excitation.fc2.bias = None
            self.residual: nn.Module = PreActivation(inputs, outputs)
        else:
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
            self.residual = Bottleneck(inputs, outputs // Bottleneck.expansion, downsample=shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """Shorten and pool: `(B, inputs, H, W)` float32 -> `(B, outputs)` float32, of the paper not negative."""
        return self.residual(self.excitation(features)).mean((2, 3))  # type: ignore[no-any-return]
