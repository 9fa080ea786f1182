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
