"""Levels of a network, the first of which may be frozen; what those make of an image is then always the same."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pipeline.networks.loading import cut

IMAGES_AT_ONCE = 4
"""Images that pass frozen levels together where their maps are kept; the last digits of a map depend on the number."""


class FrozenMaps:
    """Maps that frozen levels made of images, kept as long as there is room.

    Args:
        megabytes: Room, in units of 2**20 bytes; 0 keeps none.
    """

    def __init__(self, megabytes: int) -> None:
        self._free = megabytes << 20
        self._maps: dict[bytes, Tensor] = {}

    def take(self, images: Tensor, levels: nn.Module) -> Tensor:
        """What the levels make of images; those of a content that was seen before are not computed again.

        All others pass the levels in groups of `IMAGES_AT_ONCE`, the last one filled up, so that no bit of a map
        depends on what is kept.

        Args:
            images: `(B, C, H, W)` float32 in memory format channels last, on the CPU.
            levels: Maps them to `(B, C', h, w)`, the same for equal images.

        Returns:
            `(B, C', h, w)`, channels last.
        """
        contents = [hashlib.blake2b(image.permute(1, 2, 0).numpy(), digest_size=16).digest() for image in images]
        rows = {content: row for row, content in enumerate(contents) if content not in self._maps}
        made: dict[bytes, Tensor] = {}
        for group in cut(list(rows), IMAGES_AT_ONCE):
            filled = [*group, *[group[0]] * (IMAGES_AT_ONCE - len(group))]
            batch = images[[rows[content] for content in filled]].contiguous(memory_format=torch.channels_last)
            made |= dict(zip(group, levels(batch), strict=False))
        self._keep(made)
        found = [made[content] if content in made else self._maps[content] for content in contents]
        return torch.stack(found).contiguous(memory_format=torch.channels_last)

    def _keep(self, made: dict[bytes, Tensor]) -> None:
        for content, one in made.items():
            if one.nbytes <= self._free:
                self._free -= one.nbytes
                self._maps[content] = one.clone()  # not a view, which would keep its whole group


class Stage(nn.Sequential):
    """Levels of a network, the first of which may be frozen.

    Args:
        modules: In the order an image passes them.
        frozen: First modules that are not trained: no gradient, norms in evaluation mode.

    Attributes:
        frozen: As given.
        maps: Where those of the frozen modules are kept while training on a CPU; None computes them whenever asked.
    """

    def __init__(self, modules: list[nn.Module], frozen: int) -> None:
        super().__init__(*modules)
        self.frozen = frozen
        self.maps: FrozenMaps | None = None
        for module in modules[:frozen]:
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> "Stage":
        """Set the mode of what is trained."""
        super().train(mode)
        for module in list(self)[: self.frozen]:
            module.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """What the levels make of images, `(B, C, H, W)` float32 -> `(B, C', h, w)`."""
        levels = list(self)
        first = 0
        if self.maps is not None and self.training and self.frozen and images.device.type == "cpu":
            first = self.frozen
            with torch.no_grad():
                images = self.maps.take(images, nn.Sequential(*levels[:first]))
        for level in levels[first:]:
            images = level(images)
        return images


@contextmanager
def frozen_maps_kept(network: nn.Module, megabytes: int) -> Iterator[None]:
    """Let a network's frozen levels meet every image once, while it is trained on a CPU in this context.

    It pays where trainings change images little: of an image that is only mirrored there are two. Results depend
    neither on the room nor, in a training that is interrupted, on what was kept before.

    Args:
        network: Any; its `Stage`s are concerned.
        megabytes: Room for the maps of each, in units of 2**20 bytes.
    """
    stages = [module for module in network.modules() if isinstance(module, Stage)]
    for stage in stages:
        stage.maps = FrozenMaps(megabytes)
    try:
        yield
    finally:
        for stage in stages:
            stage.maps = None
