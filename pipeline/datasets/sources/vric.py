"""VRIC in its official layout."""

from pathlib import Path

from pipeline.datasets.formats.lists import read_list, unlisted
from pipeline.datasets.official import Benchmark, Size
from pipeline.datasets.records import Found, ImageRecord

BENCHMARK = Benchmark(
    "VRIC", {"train": Size(54_808, 2_811), "test: query": Size(2_811, 2_811), "test: gallery": Size(2_811, 2_811)}
)


SPLITS: dict[str, tuple[str, str]] = {
    "train": ("vric_train.txt", "train_images"),
    "query": ("vric_probe.txt", "probe_images"),
    "gallery": ("vric_gallery.txt", "gallery_images"),
}
"""Split -> its list and folder."""


def read(root: Path) -> Found:
    """Read VRIC's lists; file names tell neither vehicle nor camera.

    Args:
        root: Folder that holds ``train_images``, ``vric_train.txt`` and so on.

    Returns:
        Training images, queries and gallery in the order of their lists.

    Raises:
        FileNotFoundError: A list does not exist.
        ValueError: A line is ill-formed; the message names it.
    """
    records: list[ImageRecord] = []
    remarks: list[str] = []
    for split, (listing, folder) in SPLITS.items():
        images = read_list(root / listing, "NAME VEHICLE CAMERA")
        found = [
            ImageRecord(f"{folder}/{name}", split, vehicle_id, camera_id)
            for name, (vehicle_id, camera_id) in images.fields.items()
        ]
        records += found
        remarks += images.remarks + unlisted(root, folder, "*", {record.path for record in found}, listing)
    return Found(records, remarks)
