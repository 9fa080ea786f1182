"""Images from anywhere on disk, in no data set: what is searched for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.formats.lists import IMAGE_ENDINGS
from pipeline.datasets.frames.crops import BoxFormat, CropParams, open_crops, remarks_of
from pipeline.datasets.limits import ImageLimitsParams, check_image
from pipeline.datasets.records import Reader
from pipeline.store.decoding import BadImageError, decode
from pipeline.store.words import counted, is_text


@dataclass(frozen=True)
class Source:
    """An image to search for.

    Attributes:
        path: The file; of a crop the frames' path and its name.
        read: Gives its encoded bytes.
        track: The frames' path and the track it is of; None where it is asked by itself.

    Raises:
        ValueError: The path is not in UTF-8, as tables and pages are.
    """

    path: Path
    read: Reader
    track: Path | None = None

    def __post_init__(self) -> None:
        if not is_text(str(self.path)):
            raise ValueError(f"{str(self.path)!r}: expected a path in UTF-8, as tables and pages are")


Say = Callable[[str], None]


def files_at(paths: Sequence[Path], say: Say = lambda line: None) -> list[Source]:
    """Files, and all image files of folders, by path and not deep; each once, however often it is given.

    Args:
        paths: Files and folders.
        say: Told what is given again, and what of a folder is passed over.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A folder holds no image file, or a path is not in UTF-8.
    """
    found: dict[Path, Source] = {}
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such image file")
        files = _images_in(path, say) if path.is_dir() else [path]
        if again := sum(file in found for file in files):
            say(f"{path}: {counted(again, 'image')} given before, asked once")
        found |= {file: Source(file, file.read_bytes) for file in files}
    return list(found.values())


def _images_in(folder: Path, say: Say) -> list[Path]:
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.name.lower().endswith(IMAGE_ENDINGS) and entry.is_file()]
    endings = ", ".join(IMAGE_ENDINGS)
    if not files:
        raise ValueError(f"{folder}: expected a folder of images ({endings}), found none")
    if len(files) < len(entries):
        passed = counted(len(entries) - len(files), "entry", "entries")
        say(f"{folder}: {passed} passed over, no images ({endings})")
    return files


def crops_of(
    pictures: Path, boxes: Path, kind: BoxFormat, values: CropParams, say: Say = lambda line: None
) -> list[Source]:
    """The vehicles of whole frames, those of a track to be asked as one.

    Args:
        pictures: A folder of frames, or a video.
        boxes: File of their boxes; of YOLO the folder.
        kind: What it is.
        values: What is cut out.
        say: Told what is left out.

    Raises:
        FileNotFoundError: One of them does not exist.
        ValueError: One of them is ill-formed, they do not fit each other, no box is left to cut out, or a path is
            not in UTF-8.
    """
    chosen = open_crops(pictures, boxes, kind, values)
    if not chosen.crops:
        left_out = "; ".join(f"{count} {reason}" for reason, count in sorted(chosen.left_out.items())) or "none there"
        raise ValueError(f"{boxes}: expected boxes to cut out, all are left out ({left_out})")
    for remark in remarks_of(chosen, str(boxes)):
        say(remark)
    return [
        Source(pictures / crop.name, crop, pictures / f"track {crop.box.track}" if crop.box.track else None)
        for crop in chosen.crops
    ]


class ImageFiles:
    """Images read and checked once and decoded when asked; serves wherever `pipeline.store.images.Images` does.

    Args:
        sources: The images.
        limits: What counts as a usable image.

    Attributes:
        sources: As given.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A file is no usable image, or no file is given; the message names the file.
    """

    def __init__(self, sources: Sequence[Source], limits: ImageLimitsParams) -> None:
        if not sources:
            raise ValueError("expected at least one image file, got none")
        self.sources = list(sources)
        self._encoded = [_read(source, limits) for source in sources]

    def __len__(self) -> int:
        return len(self._encoded)

    def __getstate__(self) -> dict[str, object]:
        """What a loader process gets: the bytes, not what they were read from."""
        return {"sources": [], "_encoded": self._encoded}

    def image(self, row: int, /) -> NDArray[np.uint8]:
        """Decode one image: `(H, W, 3)` uint8, RGB, upright."""
        return decode(self._encoded[row])


def _read(source: Source, limits: ImageLimitsParams) -> bytes:
    encoded = source.read()
    try:
        check_image(encoded, limits)
    except BadImageError as error:
        raise ValueError(f"{source.path}: {error}") from error
    return encoded
