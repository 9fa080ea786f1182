"""VERI-Wild in its official layout."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.formats.lists import ImageList, first_existing, image_name, read_lines, read_list, unlisted
from pipeline.datasets.official import Benchmark, Size
from pipeline.datasets.records import Found, ImageRecord
from pipeline.datasets.sources.sized_sets import largest_last, smallest_first
from pipeline.store.params import parameters

BENCHMARK = Benchmark(
    "VERI-Wild",
    {
        "train": Size(277_797, 30_671),
        "small: query": Size(3_000, 3_000),
        "small: gallery": Size(38_861, 3_000),
        "medium: query": Size(5_000, 5_000),
        "medium: gallery": Size(64_389, 5_000),
        "large: query": Size(10_000, 10_000),
        "large: gallery": Size(128_517, 10_000),
    },
)


FORM = "VEHICLE/IMAGE [LABEL] [CAMERA]"
"""A line of a list. The label of training lists is renumbered from 0, so the folder alone tells the vehicle."""

INFO_FORM = "VEHICLE/IMAGE;CAMERA;TIME;MODEL;TYPE;COLOR"


@parameters
class VeriWildParams:
    """`prepare.veri_wild`."""

    test_sets: dict[str, int]
    """Name -> number in its lists' names, ``test_3000.txt``, which is that of its vehicles."""


@dataclass(frozen=True)
class _Info:
    camera_id: str
    groups: dict[str, str]


def read(root: Path, values: VeriWildParams) -> Found:
    """Read VERI-Wild's lists and its table of cameras, models, types and colours.

    Lists exist under two names, ``test_3000.txt`` and ``test_3000_id.txt`` (training: ``train_list.txt`` and
    ``train_list_start0.txt``), with and without endings and further fields; all are read. An image may be in several
    test sets, and be query and gallery in one (`both`). Its `split` is its role in the largest of them, `gallery` for
    `both`.

    Args:
        root: Folder that holds ``images`` and ``train_test_split``.
        values: The test sets.

    Returns:
        Training images, then test images, the largest test set named last, with the groups `model`, `type` and
        `color`.

    Raises:
        FileNotFoundError: A list or the table does not exist.
        ValueError: A line is ill-formed, an image is trained on and tested with, or the table lacks one; the message
            names file and line.
    """
    folder = root / "train_test_split"
    train = _read_list(folder, "train_list.txt", "train_list_start0.txt")
    sizes = smallest_first(values.test_sets)
    roles, lists = _read_test_sets(folder, sizes, train)
    path = first_existing(root, "train_test_split/vehicle_info.txt", "vehicle_info.txt")
    info = _read_info(path, [train, *lists])
    trained = [_record(image, "train", info, {}) for image in train.fields]
    tested = [_record(image, _split(of_image), info, of_image) for image, of_image in roles.items()]
    records = trained + largest_last(tested, sizes)
    remarks = [remark for images in (train, *lists) for remark in images.remarks]
    remarks += unlisted(root, "images", "*/*", {record.path for record in records}, "the lists used")
    return Found(records, remarks)


def _read_test_sets(
    folder: Path, sizes: dict[str, int], train: ImageList
) -> tuple[dict[str, dict[str, str]], list[ImageList]]:
    """Image -> its roles by test set, and the lists they come from."""
    roles: dict[str, dict[str, str]] = {}
    lists: list[ImageList] = []
    for name, size in sizes.items():
        queries = _read_list(folder, f"test_{size}_query.txt", f"test_{size}_id_query.txt")
        gallery = _read_list(folder, f"test_{size}.txt", f"test_{size}_id.txt")
        lists += [queries, gallery]
        for images, role in ((queries, "query"), (gallery, "gallery")):
            for image in images.fields:
                if image in train.fields:
                    raise ValueError(f"{images.where(image)}: the test image {image!r} is in {train.path.name} too")
                of_image = roles.setdefault(image, {})
                of_image[name] = "both" if name in of_image else role
    return roles, lists


def _read_list(folder: Path, *names: str) -> ImageList:
    images = read_list(first_existing(folder, *names), FORM)
    for image in images.fields:
        if image.count("/") != 1:
            raise ValueError(f"{images.where(image)}: expected {FORM}, got {image!r}")
    return images


def _read_info(path: Path, lists: list[ImageList]) -> dict[str, _Info]:
    """Image -> its row of the table, for listed images; a model's name may hold further semicolons."""
    listed: dict[str, ImageList] = {}
    for images in lists:
        listed |= {image: images for image in images.fields if image not in listed}
    info: dict[str, _Info] = {}
    for line, text in read_lines(path):
        cells = [cell.strip() for cell in text.split(";")]
        if len(cells) < len(INFO_FORM.split(";")):
            raise ValueError(f"{path}, line {line}: expected {INFO_FORM}, got {text!r}")
        image = image_name(cells[0])  # the header's names no listed image
        if image in listed:
            info[image] = _Info(cells[1], {"model": ";".join(cells[3:-2]), "type": cells[-2], "color": cells[-1]})
    lacking = [image for image in listed if image not in info]
    if lacking:
        where = listed[lacking[0]].where(lacking[0])
        raise ValueError(f"{path}: {len(lacking)} listed images are not in it, for example {lacking[0]} ({where})")
    return info


def _split(roles: dict[str, str]) -> str:
    """Role in the largest test set, which is the last."""
    role = list(roles.values())[-1]
    return "gallery" if role == "both" else role


def _record(image: str, split: str, info: dict[str, _Info], roles: dict[str, str]) -> ImageRecord:
    known = info[image]
    return ImageRecord(f"images/{image}", split, image.split("/")[0], known.camera_id, groups=known.groups, roles=roles)
