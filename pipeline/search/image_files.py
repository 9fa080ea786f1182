"""Image files from anywhere on disk, in no data set: what is searched for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.limits import ImageLimitsParams, check_image
from pipeline.store.decoding import BadImageError, decode


class ImageFiles:
    """Files read and checked once and decoded when asked; serves wherever `pipeline.store.images.Images` does.

    Args:
        paths: The files.
        limits: What counts as a usable image.

    Attributes:
        paths: As given.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A file is a folder or no usable image, or no file is given; the message names the file.
    """

    def __init__(self, paths: Sequence[Path], limits: ImageLimitsParams) -> None:
        if not paths:
            raise ValueError("expected at least one image file, got none")
        self.paths = list(paths)
        self._encoded = [_read(path, limits) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def image(self, row: int, /) -> NDArray[np.uint8]:
        """Decode one image: `(H, W, 3)` uint8, RGB, upright."""
        return decode(self._encoded[row])


def _read(path: Path, limits: ImageLimitsParams) -> bytes:
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such image file")
    if path.is_dir():
        raise ValueError(f"{path}: expected an image file, got a folder; name the files in it")
    encoded = path.read_bytes()
    try:
        check_image(encoded, limits)
    except BadImageError as error:
        raise ValueError(f"{path}: {error}") from error
    return encoded
