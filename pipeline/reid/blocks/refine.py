"""The refinement that shortens a feature map and pools it (PGAN §3.4)."""

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck
from torchvision.ops import SqueezeExcitation

SQUEEZE_REDUCTION = 8


class Refine(nn.Module):
    """SE block, residual block and global average pooling, PGAN §3.4.

    The residual block is ResNet-50's bottleneck with a projected shortcut, which the paper does not specify.

    Args:
        inputs: Channels of the map.
        outputs: Length of the feature, a multiple of 4.

    Raises:
        ValueError: `outputs` is not a multiple of the bottleneck's expansion, 4.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        if outputs % Bottleneck.expansion:
            raise ValueError(f"dimension: expected a multiple of {Bottleneck.expansion}, got {outputs}")
        self.excitation = SqueezeExcitation(inputs, inputs // SQUEEZE_REDUCTION)
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
        self.residual = Bottleneck(inputs, outputs // Bottleneck.expansion, downsample=shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """Shorten and pool: `(B, inputs, H, W)` float32 -> `(B, outputs)` float32, not negative."""
        return self.residual(self.excitation(features)).mean((2, 3))  # type: ignore[no-any-return]
