"""Whole frames to cut vehicles from: a folder of pictures, or a video."""

import os
import re
import threading
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from functools import lru_cache
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.datasets.formats.lists import IMAGE_ENDINGS
from pipeline.store.decoding import BadImageError, decode

RECENT = (os.cpu_count() or 1) + 8
"""Frames kept decoded: threads that read crops in order are at most so many frames apart."""

TURNED = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""

ORIENTATION = 0x0112
"""EXIF's tag of the orientation."""

NUMBER = re.compile(r"(\d+)$")


class Footage(ABC):
    """Frames of one camera in order, each with a place counted from 0.

    Args:
        path: Where they are.

    Attributes:
        path: As given.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def numbered(self, number: int) -> int:
        """Place of the frame with a number, as MOTChallenge counts them: a video's first one is 1.

        Raises:
            ValueError: There is none.
        """

    @abstractmethod
    def at(self, place: int) -> int:
        """The same place.

        Raises:
            ValueError: There is no frame.
        """

    @abstractmethod
    def named(self, name: str) -> int:
        """Place of the frame that an annotation names by path, file name or stem.

        Raises:
            ValueError: There is none, or several.
        """

    @abstractmethod
    def name(self, place: int) -> str:
        """Name of a frame, which is in no other frame's."""

    @abstractmethod
    def size(self, place: int) -> tuple[int, int]:
        """Upright height and width of a frame, pixels."""

    @abstractmethod
    def frame(self, place: int) -> NDArray[np.uint8]:
        """One frame: `(H, W, 3)` uint8, RGB, upright; to be left unchanged.

        Raises:
            BadImageError: It cannot be decoded.
        """


def open_footage(path: Path) -> Footage:
    """Open a folder of pictures or a video.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: The folder holds no pictures, or the file is no video that OpenCV reads.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such folder of frames or video")
    return PictureFolder(path) if path.is_dir() else Video(path)


def _without_ending(file: str) -> str:
    return PurePosixPath(file).with_suffix("").as_posix()


class PictureFolder(Footage):
    """Pictures of a folder, deep, in the order of their paths; a number is what a file's stem ends with."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        files = sorted(file.relative_to(path).as_posix() for file in path.rglob("*"))
        self.files = [file for file in files if file.lower().endswith(IMAGE_ENDINGS)]
        if not self.files:
            raise ValueError(f"{path}: expected a folder of pictures ({', '.join(IMAGE_ENDINGS)}), found none")
        self._bare = Counter(map(_without_ending, self.files))
        self._places: dict[str, list[int]] = {}
        self._numbers: dict[int, list[int]] = {}
        for place, file in enumerate(self.files):
            plain = PurePosixPath(file)
            for name in {file, _without_ending(file), plain.name, plain.stem}:
                self._places.setdefault(name, []).append(place)
            if match := NUMBER.search(plain.stem):
                self._numbers.setdefault(int(match[1]), []).append(place)
        self._decoded = lru_cache(RECENT)(self._decode)

    def numbered(self, number: int) -> int:
        """Place of the picture whose stem ends with a number."""
        return self._only(self._numbers.get(number, []), f"number {number}")

    def at(self, place: int) -> int:
        """The same place."""
        if not 0 <= place < len(self.files):
            raise ValueError(f"{self.path}: expected a frame from 0 to {len(self.files) - 1}, got {place}")
        return place

    def named(self, name: str) -> int:
        """Place of a picture by its path in the folder, its file name or its stem."""
        plain = PurePosixPath(name)
        found = self._places.get(plain.as_posix()) or self._places.get(plain.name, [])
        return self._only(found, repr(name))

    def name(self, place: int) -> str:
        """Path in the folder, without its ending unless pictures differ by that alone."""
        file = self.files[place]
        bare = _without_ending(file)
        return bare if self._bare[bare] == 1 else file

    def size(self, place: int) -> tuple[int, int]:
        """Height and width by the file's header."""
        file = self.path / self.files[place]
        try:
            with Image.open(file) as image:
                # of other formats Pillow would decode the whole picture for it; TIFF's size is upright already
                turned = image.format in ("JPEG", "WEBP") and image.getexif().get(ORIENTATION) in TURNED
                return (image.width, image.height) if turned else (image.height, image.width)
        except Exception as error:  # Pillow raises many kinds on damaged files
            raise BadImageError(f"{file}: not a picture whose size can be read ({error})") from error

    def frame(self, place: int) -> NDArray[np.uint8]:
        """One picture."""
        return self._decoded(place)

    def _decode(self, place: int) -> NDArray[np.uint8]:
        file = self.path / self.files[place]
        try:
            return decode(file.read_bytes())
        except BadImageError as error:
            raise BadImageError(f"{file}: {error}") from error

    def _only(self, places: list[int], what: str) -> int:
        if len(places) != 1:
            several = ", ".join(self.files[place] for place in places[:3])
            raise ValueError(f"{self.path}: expected one frame of {what}, found {several or 'none'}")
        return places[0]


class Video(Footage):
    """Frames of a video file, decoded in order; going back starts it again."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._start()
        wide, high = (int(self._capture.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if not self._capture.isOpened() or not wide or not high:
            raise ValueError(f"{path}: not a video that OpenCV reads")
        self._size = (high, wide)

    def numbered(self, number: int) -> int:
        """Place of a frame counted from 1."""
        return self.at(number - 1)

    def at(self, place: int) -> int:
        """The same place; whether the video is so long is known when it is read."""
        if place < 0:
            raise ValueError(f"{self.path}: expected a frame from the video's first one on, got place {place}")
        return place

    def named(self, name: str) -> int:
        """Place of the frame whose number, counted from 1, ends the stem of a name, as in ``video_12.txt``."""
        match = NUMBER.search(PurePosixPath(name).stem)
        if match is None:
            raise ValueError(f"{self.path}: expected a name that ends with a frame's number, got {name!r}")
        return self.numbered(int(match[1]))

    def name(self, place: int) -> str:
        """Number from 1, six digits."""
        return f"{place + 1:06d}"

    def size(self, place: int) -> tuple[int, int]:
        """Height and width of every frame."""
        return self._size

    def frame(self, place: int) -> NDArray[np.uint8]:
        """One frame."""
        with self._lock:
            if place not in self._kept:
                self._kept[place] = self._read(place)
                if len(self._kept) > RECENT:
                    self._kept.popitem(last=False)
            return self._kept[place]

    def _start(self) -> None:
        self._capture, self._next = cv2.VideoCapture(str(self.path)), 0

    def _read(self, place: int) -> NDArray[np.uint8]:
        if place < self._next:
            self._capture.release()
            self._start()
        while self._next <= place:
            if not self._capture.grab():
                raise ValueError(f"{self.path}: expected {place + 1} frames or more, the video ends after {self._next}")
            self._next += 1
        found, image = self._capture.retrieve()
        if not found:
            raise BadImageError(f"{self.path}: frame {place + 1} cannot be decoded")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
