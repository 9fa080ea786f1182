import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.datasets.limits import ImageLimitsParams
from pipeline.search.image_files import ImageFiles, files_at

LIMITS = ImageLimitsParams(10_000, 8, "stop")


def test_files_are_read_once_and_decoded_to_rgb(tmp_path: Path) -> None:
    image = np.zeros((10, 20, 3), np.uint8)
    image[..., 0] = 255
    cv2.imwrite(str(tmp_path / "red.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    files = ImageFiles(files_at([tmp_path / "red.png"]), LIMITS)
    (tmp_path / "red.png").unlink()
    assert len(files) == 1
    np.testing.assert_array_equal(files.image(0), image)


def test_what_is_no_usable_image_is_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((4, 20, 3), np.uint8))
    (tmp_path / "note.txt").write_text("no image")
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("note.txt", "not an image OpenCV can decode"),
        ("small.png", "20 x 4 pixels; each side needs 8"),
        ("folder", "expected a folder of images"),
    ):
        with pytest.raises(ValueError, match=f"{name}: {message}"):
            ImageFiles(files_at([tmp_path / name]), LIMITS)
    latin = tmp_path / os.fsdecode(b"caf\xe9.png")
    latin.write_bytes(b"")
    with pytest.raises(ValueError, match=r"caf\\udce9\.png': expected a path in UTF-8"):
        files_at([latin])
    with pytest.raises(FileNotFoundError, match=r"absent\.png: no such image file"):
        files_at([tmp_path / "absent.png"])
    with pytest.raises(ValueError, match="expected at least one image file, got none"):
        ImageFiles([], LIMITS)
