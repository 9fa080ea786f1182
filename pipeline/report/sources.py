"""What the report is made from: its parameters, and the files of each data set."""

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.store import hdf5
from pipeline.store.images import ImageStore


@dataclass(frozen=True)
class ReportParams:
    """The `report` section of `params.yaml`.

    Attributes:
        sheet_images: Images the contact sheets of artifacts show.
        sheet_columns: Images a sheet shows side by side.
        sheet_side: Their longer side, pixels.
        parts_shown: Part boxes drawn on an image, the most confident ones.
        overview_images: About how many images the overview of a data set shows.
        overview_side: Their longer side, pixels.
        queries: Queries whose ranking is shown.
        ranks: Gallery images shown of each ranking.
        retrieval_side: Longer side of a query or gallery image, pixels.
        quality: WebP's quality of all images, 1 to 100.
        baseline: Model whose average precision spreads the shown queries from best to worst.
    """

    sheet_images: int
    sheet_columns: int
    sheet_side: int
    parts_shown: int
    overview_images: int
    overview_side: int
    queries: int
    ranks: int
    retrieval_side: int
    quality: int
    baseline: str


class Sources:
    """The files of one data set, opened when first asked for.

    Args:
        data: The folder that holds every stage's outputs.
        name: Name of the data set.
        models: Models of this run, in the order they are shown.
    """

    def __init__(self, data: Path, name: str, models: list[str]) -> None:
        self.data = data
        self.name = name
        self.models = models

    @cached_property
    def store(self) -> ImageStore:
        """Images and table."""
        return ImageStore(self.data / "images" / f"{self.name}.h5")

    def cache(self, kind: str) -> hdf5.Cache:
        """Open ``data/<kind>/<name>.h5``, checked to follow this data set's table."""
        return hdf5.Cache(self.data / kind / f"{self.name}.h5", f"{kind}/1", self.store.digest)

    @cached_property
    def grabcut(self) -> hdf5.Cache:
        """Seed masks."""
        return self.cache("grabcut")

    @cached_property
    def foreground(self) -> hdf5.Cache:
        """Foreground masks."""
        return self.cache("foreground")

    @cached_property
    def parts(self) -> hdf5.Cache:
        """Part boxes."""
        return self.cache("parts")

    @cached_property
    def part_masks(self) -> hdf5.Cache:
        """View masks and area ratios."""
        return self.cache("part_masks")

    @cached_property
    def truth(self) -> hdf5.Cache:
        """Ground truth."""
        return self.cache("truth")

    @cached_property
    def quality(self) -> dict[str, Any]:
        """Measured quality of the artifacts, group -> measure -> value."""
        return read_json(self.data / "quality" / self.name / "metrics.json")

    @cached_property
    def part_classes(self) -> list[dict[str, str]]:
        """Average precision of each part class: ``part``, ``ap50``, ``ap``."""
        return read_table(self.data / "quality" / self.name / "ap_by_class.csv")

    def evaluation(self, model: str) -> Path:
        """Folder of one model's evaluation."""
        return self.data / "evaluation" / self.name / model

    def metrics(self, model: str) -> dict[str, Any]:
        """Metrics of one model."""
        return read_json(self.evaluation(model) / "metrics.json")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; `dvc repro` or `dvc pull` makes it")
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with a head row.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; `dvc repro` or `dvc pull` makes it")
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
