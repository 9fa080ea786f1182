"""Where the cells of a feature map look: centres and size in the image, measured on the network itself."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

PROBE_LENGTH = 1024
"""Least length of the probe image, pixels: more than the receptive field of any backbone here, so that borders do not
count."""

PROBE_WIDTH = 64
"""Width of the probe image, pixels."""

FAINT = 1e-12
"""Value of the probe image: no activation that saturates does so, though every residual doubles it."""


EXACT = 64
"""A centre is a multiple of this fraction of a pixel: kernels, paddings and strides put it on halves, and what lies
beyond is rounding, which would differ with the number of threads."""

GATES = ("Squeeze", "SEModule")
"""Beginnings of the names of torchvision's and timm's gates, which see the whole map."""


@dataclass(frozen=True)
class Cells:
    """Cells of a square feature map, along either axis.

    Attributes:
        count: Cells of a row or column.
        first: Centre of the first, as a share of the image's side; kernels, padding and strides decide it.
        step: From one to the next, likewise.
    """

    count: int
    first: float
    step: float

    def centres(self, device: torch.device | None = None) -> Tensor:
        """`(count,)` float32 centres as shares of the side, rising; the outer ones may lie beyond the border."""
        return self.first + self.step * torch.arange(self.count, device=device, dtype=torch.float32)

    def nearest(self, positions: Tensor) -> Tensor:
        """Cell whose centre is nearest: float positions in [0, 1] of any shape -> int64 of the same shape."""
        return ((positions - self.first) / self.step).round().long().clamp(0, self.count - 1)

    def averaging(self, pixels: int, device: torch.device | None = None) -> Tensor:
        """Weights that average an image's pixels within one step around each cell's centre.

        Args:
            pixels: Pixels along the axis.
            device: Where to put them.

        Returns:
            `(count, pixels)` float32, rows summing to 1: the share of each pixel in the part of a cell's window that
            lies in the image; a row of 0 where none does.
        """
        edges = torch.arange(pixels + 1, device=device, dtype=torch.float32) / pixels
        centres = self.centres(device)[:, None]
        low, high = (centres - self.step / 2).clamp(0, 1), (centres + self.step / 2).clamp(0, 1)
        covered = (torch.minimum(edges[1:], high) - torch.maximum(edges[:-1], low)).clamp(min=0)
        return covered / covered.sum(1, keepdim=True).clamp(min=1e-9)


def cells_of(network: nn.Module, side: int) -> Cells:
    """Measure the cells of a network's map.

    A copy of the network whose convolutions average passes one cell's gradient back to a probe image: its centroid is
    where the cell looks, whatever kernels, paddings and strides lie between.

    Args:
        network: Maps images `(B, 3, H, W)` to `(B, C, h, w)`.
        side: Side of the square images it is given, pixels.

    Returns:
        The cells of its map of an image of that side.

    Raises:
        ValueError: The network passes no gradient on to the image, so it cannot be told where it looks.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        probe = _averaging(deepcopy(network).to("cpu").float().eval())
        count = probe(torch.full((1, 3, side, side), FAINT)).shape[-1]
        stride = round(PROBE_LENGTH / probe(torch.full((1, 3, PROBE_LENGTH, PROBE_WIDTH), FAINT)).shape[2])
    middle = -(-PROBE_LENGTH // (2 * stride))
    length = side + 2 * middle * stride  # paddings that depend on the size are those of `side`
    image = torch.full((1, 3, length, PROBE_WIDTH), FAINT, requires_grad=True)
    with torch.enable_grad():
        rows = probe(image)[0].sum((0, 2))
        (gradient,) = torch.autograd.grad(rows[middle], image)
    density = gradient[0].sum((0, 2)).double()
    if not 0 < float(density.sum()) < float("inf"):
        raise ValueError("expected a network that passes a gradient on to its image: where do its cells look?")
    centre = float((density * (torch.arange(length) + 0.5)).sum() / density.sum()) - middle * stride
    return Cells(count, round(centre * EXACT) / EXACT / side, stride / side)


def _averaging(module: nn.Module) -> nn.Module:
    """Turn a network into one that averages: positive weights, no norms, no gates, no maxima. Changed in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
        elif isinstance(child, nn.LayerNorm | nn.GroupNorm):
            setattr(module, name, nn.Identity())
        else:
            _averaging(child)
    if isinstance(module, nn.Conv2d | nn.Linear):
        module.weight.fill_(1 / module.weight[0].numel())
        if module.bias is not None:
            module.bias.zero_()
    elif isinstance(module, nn.BatchNorm2d):
        module.reset_running_stats()
        module.weight.fill_(1)
        module.bias.zero_()
    elif type(module).__name__.startswith(GATES):
        for parameter in module.parameters():
            parameter.zero_()
    return module
