"""What benchmarks say of themselves: images and vehicles of each split and test set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Size of a split, or of the images with one role in a test set.

    Attributes:
        images: Number of images, None where the sources disagree.
        vehicles: Number of vehicles, None where it is not public.
    """

    images: int | None
    vehicles: int | None


@dataclass(frozen=True)
class Benchmark:
    """A public benchmark.

    Attributes:
        name: As its authors write it.
        sizes: ``split`` or ``test set: role`` -> official size.
    """

    name: str
    sizes: dict[str, Size]


BENCHMARKS: dict[str, Benchmark] = {
    "veri776": Benchmark(
        "VeRi-776",
        {"train": Size(37_778, 576), "test: query": Size(1_678, 200), "test: gallery": Size(11_579, 200)},
    ),
    # Paper and published lists of VehicleID disagree on the training split, and papers on the images of the test lists.
    "vehicleid": Benchmark(
        "VehicleID",
        {"small: drawn": Size(None, 800), "medium: drawn": Size(None, 1_600), "large: drawn": Size(None, 2_400)},
    ),
    "vric": Benchmark(
        "VRIC",
        {"train": Size(54_808, 2_811), "test: query": Size(2_811, 2_811), "test: gallery": Size(2_811, 2_811)},
    ),
    "veri_wild": Benchmark(
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
    ),
    # Its training split is not compared: the local split takes vehicles from it.
    "cityflow_reid": Benchmark(
        "CityFlow-ReID", {"official: query": Size(1_052, None), "official: gallery": Size(18_290, None)}
    ),
}
"""Adapter -> the benchmark it reads."""
