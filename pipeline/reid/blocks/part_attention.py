"""How much each detected part counts: the part attention module of PGAN."""

from typing import Literal

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from pipeline.store.params import parameters

CHANNEL_REDUCTION = 4


@parameters
class AttentionParams:
    """How PAM scores parts."""

    score_scale: PositiveFloat = 1
    """Part scores are multiplied by it before the softmax: 1 is PGAN (4), 10 the release; more makes one part count."""
    attention_layers: Literal["paper", "release"] = "paper"
    """``paper``: linear layers with a bias and a norm for each output; ``release``: no bias, one norm for a whole
    matrix."""


class PartAttentionModule(nn.Module):
    """PAM: a soft weight for each part from its mask-guided average (PGAN §3.3, fig. 2).

    Weight-normalised linear, layer norm, ReLU, weight-normalised linear, mean over channels, softmax over parts.

    Args:
        channels: C, channels of the feature map.
        params: How scores are made and scaled.
    """

    def __init__(self, channels: int, params: AttentionParams) -> None:
        super().__init__()
        hidden = channels // CHANNEL_REDUCTION
        of_release = params.attention_layers == "release"

        def linear(inputs: int, outputs: int) -> nn.Module:
            layer = nn.Linear(inputs, outputs, bias=not of_release)
            norms = None if of_release else 0  # None: one for the whole matrix
            return weight_norm(layer, dim=norms)  # type: ignore[arg-type, no-any-return]  # torch types it an int

        self.score = nn.Sequential(linear(channels, hidden), nn.LayerNorm(hidden), nn.ReLU(), linear(hidden, channels))
        self.scale = params.score_scale

    def forward(self, pooled: Tensor) -> Tensor:
        """Attention weights w_i of D regions, PGAN (4).

        Args:
            pooled: `(B, D, C)` float32, mean feature of each region.

        Returns:
            `(B, D)` float32 in [0, 1], summing to 1 over regions.
        """
        scores = self.score(pooled).mean(-1)  # (B, D)
        return torch.softmax(scores.float() * self.scale, dim=1)
