"""How much each detected part counts: the part attention module of PGAN."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

CHANNEL_REDUCTION = 4


class PartAttentionModule(nn.Module):
    """PAM: a soft weight for each part from its mask-guided average (PGAN §3.3, fig. 2).

    Weight-normalised linear, layer norm, ReLU, weight-normalised linear, mean over channels, softmax over parts.

    Args:
        channels: C, channels of the feature map.
        temperature: Scores are divided by it before the softmax; 1 is PGAN (4), the authors' release has 10.
    """

    def __init__(self, channels: int, temperature: float) -> None:
        super().__init__()
        hidden = channels // CHANNEL_REDUCTION
        self.score = nn.Sequential(
            weight_norm(nn.Linear(channels, hidden)),
            nn.LayerNorm(hidden),
            nn.ReLU(),
            weight_norm(nn.Linear(hidden, channels)),
        )
        self.temperature = temperature

    def weights(self, features: Tensor, masks: Tensor) -> Tensor:
        """Attention weights w_i of the parts, PGAN (4).

        Args:
            features: `(B, C, H, W)` float32, F_g.
            masks: `(B, D, H, W)` float32, 0 or 1, M_i.

        Returns:
            `(B, D)` float32 in [0, 1], summing to 1 over parts.
        """
        scores = self.score(mask_guided_mean(features, masks)).mean(-1)  # (B, D)
        return torch.softmax(scores / self.temperature, dim=1)

    def forward(self, features: Tensor, masks: Tensor) -> Tensor:
        """Attention on the feature map's grid, sum_i w_i M_i: `(B, H, W)` float32 in [0, 1]; arguments as `weights`."""
        return torch.einsum("bd,bdhw->bhw", self.weights(features, masks), masks)


def mask_guided_mean(features: Tensor, masks: Tensor) -> Tensor:
    """Mean of the features inside each mask, the MGAP of PGAN §3.3; an empty mask gives 0.

    Args:
        features: `(B, C, H, W)` float32.
        masks: `(B, D, H, W)` float32, 0 or 1.

    Returns:
        `(B, D, C)` float32.
    """
    sums = torch.einsum("bchw,bdhw->bdc", features, masks)
    return sums / masks.sum((2, 3)).clamp(min=1)[..., None]
