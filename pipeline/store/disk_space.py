"""Room on the disk for an HDF5 file, set aside before HDF5 needs it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import h5py

SLACK = 8 << 20
"""Bytes kept free beyond what is written: chunks and structure that HDF5 has not written yet."""
INDEX_BYTES = 64
"""Bytes of a chunk's place in the structure, at most."""
END_AT = 28
"""Where the format says how long the file is, as 8 bytes, the lowest first."""


@contextlib.contextmanager
def writable(path: Path, version: tuple[str, str]) -> "Iterator[tuple[h5py.File, Room]]":
    """A new HDF5 file and the room kept free for it, which goes back once it is written.

    Args:
        path: The file.
        version: Of HDF5's format, ``v110`` or later, as h5py's ``libver`` has it.

    Raises:
        OSError: There is no room for the least file.
    """
    with open(path, "wb") as probe:
        os.posix_fallocate(probe.fileno(), 0, 2 * SLACK)  # refused here, where HDF5 has not begun
    with h5py.File(path, "w", libver=version) as file:
        room = Room(file)
        room.make(0)
        yield file, room
    with open(path, "rb+") as written:
        written.seek(END_AT)
        written.truncate(int.from_bytes(written.read(8), "little"))


class Room:
    """Disk space set aside before HDF5 needs it, because HDF5 crashes the process some time after a write has failed.

    Args:
        file: The file under construction.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._end = 0

    def make(self, size: int) -> None:
        """Set space aside for more bytes, compressed or not, and for what HDF5 holds back.

        Raises:
            OSError: There is none.
        """
        needed = self._file.id.get_filesize() + size + size // 32 + SLACK
        if needed > self._end:
            os.posix_fallocate(self._file.id.get_vfd_handle(), 0, needed + SLACK)
            self._end = needed + SLACK
