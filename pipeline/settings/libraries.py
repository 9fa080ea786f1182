"""Which versions of libraries results depend on, a file each, so that a new one reruns the stages that use it alone.

Almost every stage decodes images by OpenCV, and most versions of it do that alike. So where OpenCV does no more than
decode, resize and warp, a stage depends on what comes of an example (`PICTURES`) instead of on its version.
"""

import base64
import hashlib
from typing import Any

import cv2
import numpy as np

from pipeline.store.code import LIBRARIES, installed_version
from pipeline.store.decoding import decode
from pipeline.store.resizing import resize

PICTURES = "pictures"
"""Name of what comes of an example, among the libraries."""
ALIKE = frozenset(
    {
        "pipeline/foreground/samples.py",
        "pipeline/maps/cluster.py",
        "pipeline/maps/pool.py",
        "pipeline/networks/runtime.py",
        "pipeline/store/decoding.py",
        "pipeline/store/resizing.py",
        "pipeline/views/samples.py",
    }
)
"""Modules whose use of OpenCV `pictures_digest` covers, or that set its threads and seeds alone."""
EXAMPLE = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQ"
    "YEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAYABwD"
    "ASIAAhEBAxEB/8QAGAAAAwEBAAAAAAAAAAAAAAAAAAUGBAP/xAAgEAAABgIDAQEAAAAAAAAAAAAAAQIDBAUREhMxYSFB/8QAFwEBAQEBAAAAAAAA"
    "AAAAAAAAAgEDBP/EAB8RAAICAgIDAQAAAAAAAAAAAAIDAAEEMQUREhMhMv/aAAwDAQACEQMRAD8AdXJsw4J6a7aiIYdclT9T6yGciyVYucSTM/wN"
    "IVOmO3zKT7nAuOdNG8du4Qu8NvgX5uNokVhiASjJOcCRsrE0zFknGBvsbvQ+BJ/OhmarlyUcupnt4Al94pWtmochZ45+xWrnGggLQ8TjiTx6Km0s"
    "GkQuNHeAAF5AaCxYO50XXuxez3UiUw3pM8nDI8bC3gkhmKhBkWS7AAbvAXKEi3FxxWxfif3qf//Z"
)
"""A JPEG of 28 x 24 colourful pixels, its colours at half the resolution."""


def versions() -> dict[str, dict[str, Any]]:
    """What to write of each library, by its name as imported, and of `PICTURES`."""
    written: dict[str, dict[str, Any]] = {
        name: {"package": package, "version": installed_version(name)} for name, package in LIBRARIES.items()
    }
    return written | {PICTURES: {"sha256": pictures_digest()}}


def pictures_digest() -> str:
    """SHA-256 of what OpenCV makes of `EXAMPLE`: decoded, resized both ways, warped.

    All of it is the same on any processor (measured with AVX and without), so that no machine differs without need.
    """
    image = decode(EXAMPLE)
    matrix = np.array([[0.9, 0, 2.3], [0, 0.9, -1.7]], np.float32)
    warped = cv2.warpAffine(image, matrix, (28, 24), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    made = (image, resize(image, 11, 17), resize(image, 41, 50), warped)
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in made)).hexdigest()
