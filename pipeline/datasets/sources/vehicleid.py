"""PKU VehicleID in its official layout."""

from pathlib import Path

from pipeline.datasets.formats.lists import ImageList, image_name, read_fields, read_list, unlisted
from pipeline.datasets.official import Benchmark, Size
from pipeline.datasets.records import Found, ImageRecord
from pipeline.datasets.sources.sized_sets import largest_last, smallest_first
from pipeline.store.params import parameters

BENCHMARK = Benchmark(  # paper and lists disagree on the training split, and papers on the images of the test lists
    "VehicleID",
    {"small: drawn": Size(None, 800), "medium: drawn": Size(None, 1_600), "large: drawn": Size(None, 2_400)},
)


FORM = "IMAGE VEHICLE"


@parameters
class VehicleIdParams:
    """`prepare.vehicleid`."""

    test_sets: dict[str, int]
    """Name -> number in its list's name, ``test_list_800.txt``, which is that of its vehicles. The release has 800,
    1600, 2400, 3200, 6000 and 13164."""


def read(root: Path, values: VehicleIdParams) -> Found:
    """Read VehicleID's lists and attributes.

    The release knows no cameras. Its lists of test images say nothing of queries and gallery: each test image is
    `drawn` in the test sets it is in, and the protocol draws. An image may be in several.

    Args:
        root: Folder that holds ``image`` and ``train_test_split``, and ``attribute`` where it was released.
        values: The test sets.

    Returns:
        Training images, then test images, the largest test set named last, with the groups `color` and `model` (the
        release's codes, "" for the many vehicles without one).

    Raises:
        FileNotFoundError: A list does not exist.
        ValueError: A line is ill-formed, or disagrees with another list; the message names it.
    """
    folder = root / "train_test_split"
    train = read_list(folder / "train_list.txt", FORM)
    sizes = smallest_first(values.test_sets)
    tests = {name: read_list(folder / f"test_list_{size}.txt", FORM) for name, size in sizes.items()}
    vehicles = _vehicles([train, *tests.values()])
    roles: dict[str, dict[str, str]] = {}
    for name, images in tests.items():
        _check_untrained(images, train)
        for image in images.fields:
            roles.setdefault(image, {})[name] = "drawn"
    groups = _groups(root / "attribute", set(vehicles.values()))
    trained = [_record(image, "train", vehicles, groups, {}) for image in train.fields]
    tested = [_record(image, "test", vehicles, groups, of_image) for image, of_image in roles.items()]
    records = trained + largest_last(tested, sizes)
    remarks = [remark for images in (train, *tests.values()) for remark in images.remarks]
    remarks += _disagreements(root / "attribute" / "img2vid.txt", vehicles)
    return Found(records, remarks + unlisted(root, "image", "*", {record.path for record in records}, "the lists used"))


def _record(
    image: str, split: str, vehicles: dict[str, str], groups: dict[str, dict[str, str]], roles: dict[str, str]
) -> ImageRecord:
    vehicle_id = vehicles[image]
    return ImageRecord(f"image/{image}", split, vehicle_id, groups=groups[vehicle_id], roles=roles)


def _vehicles(lists: list[ImageList]) -> dict[str, str]:
    """Image -> vehicle, by lists that overlap."""
    vehicles: dict[str, str] = {}
    for images in lists:
        for image, (vehicle_id,) in images.fields.items():
            if vehicles.setdefault(image, vehicle_id) != vehicle_id:
                raise ValueError(
                    f"{images.where(image)}: says vehicle {vehicle_id} of {image!r}, another list {vehicles[image]}"
                )
    return vehicles


def _check_untrained(images: ImageList, train: ImageList) -> None:
    shared = [image for image in images.fields if image in train.fields]
    if shared:
        raise ValueError(f"{images.where(shared[0])}: the test image {shared[0]!r} is in {train.path.name} too")


def _groups(folder: Path, vehicles: set[str]) -> dict[str, dict[str, str]]:
    """Vehicle -> its groups, "" where an attribute or its file is absent."""
    codes = {kind: _codes(folder / f"{kind}_attr.txt") for kind in ("color", "model")}
    return {vehicle: {kind: of_kind.get(vehicle, "") for kind, of_kind in codes.items()} for vehicle in vehicles}


def _codes(path: Path) -> dict[str, str]:
    return {vehicle: code for _, (vehicle, code) in read_fields(path, "VEHICLE CODE")} if path.exists() else {}


def _disagreements(path: Path, vehicles: dict[str, str]) -> list[str]:
    if not path.exists():
        return []
    named = ((image_name(image), vehicle_id) for _, (image, vehicle_id) in read_fields(path, FORM))
    count = sum(vehicles.get(image, vehicle_id) != vehicle_id for image, vehicle_id in named)
    return [f"{count} images have another vehicle in {path.name} than in the lists, which count"] if count else []
