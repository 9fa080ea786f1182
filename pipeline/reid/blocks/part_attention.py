"""How much each detected part counts: the part attention module of PGAN."""

from collections.abc import Callable
from typing import Any, Literal

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


class WeightNormLinear(nn.Linear):
    """A weight-normalised linear layer that can be sent to another process, as torch's own cannot.

    Args:
        inputs: Features of its input.
        outputs: Features of its output.
        dim: Dimension of the weight that has a norm each; None for one norm of the whole matrix.
        bias: Whether it adds a bias.
    """

    def __init__(self, inputs: int, outputs: int, dim: int | None, bias: bool) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self._made_of = inputs, outputs, dim, bias
        weight_norm(self, dim=dim)  # type: ignore[arg-type]  # torch types it an int

    def __reduce__(self) -> tuple[Callable[..., "WeightNormLinear"], tuple[Any, ...]]:
        """How it is made again: torch gives it a class of its own, which no pickle can name."""
        return _made_again, (self._made_of, self.state_dict(), self.training)


def _made_again(
    made_of: tuple[int, int, int | None, bool], state: dict[str, Tensor], training: bool
) -> WeightNormLinear:
    layer = WeightNormLinear(*made_of)
    layer.load_state_dict(state, assign=True)
    return layer.train(training)


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

        dim = None if of_release else 0
        self.score = nn.Sequential(
            WeightNormLinear(channels, hidden, dim, bias=not of_release),
            nn.LayerNorm(hidden),
            nn.ReLU(),
            WeightNormLinear(hidden, channels, dim, bias=not of_release),
        )
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
