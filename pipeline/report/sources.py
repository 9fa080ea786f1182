"""What the report is made from: its parameters, and the files of each data set."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

from pydantic import Field, PositiveInt

from pipeline.artifacts.attention import check_boxes, form_of, open_attention
from pipeline.artifacts.foreground import open_foreground
from pipeline.artifacts.parts import open_parts
from pipeline.artifacts.ranking import Ranking, read_ranking
from pipeline.artifacts.seeds import open_seeds
from pipeline.artifacts.truth import open_truth
from pipeline.artifacts.views import open_views
from pipeline.store import hdf5
from pipeline.store.files import read_csv, read_json
from pipeline.store.images import ImageStore
from pipeline.store.params import parameters
from pipeline.store.places import Workspace

SAME = 1e-6
"""Figures of one evaluation that differ by no more are the same, added in another order."""


@parameters
class ReportParams:
    """The `report` section of `params.yaml`."""

    sheet_images: PositiveInt
    """Images the contact sheets of artifacts show."""
    sheet_columns: PositiveInt
    """Images a sheet shows side by side."""
    sheet_side: PositiveInt
    """Their longer side, pixels."""
    parts_shown: PositiveInt
    """Part boxes drawn on an image, the most confident ones."""
    attention_images: PositiveInt
    """Test images whose attention is shown, by every model that has any."""
    overview_images: PositiveInt
    """About how many images the overview of a data set shows."""
    overview_side: PositiveInt
    """Their longer side, pixels."""
    queries: PositiveInt
    """Queries whose ranking is shown."""
    ranks: PositiveInt
    """Gallery images shown of each ranking."""
    retrieval_side: PositiveInt
    """Longer side of a query or gallery image, pixels."""
    quality: Annotated[int, Field(ge=1, le=100)]
    """WebP's quality of all images, 1 to 100."""
    baseline: str
    """Model whose average precision spreads the shown queries from best to worst."""


class Sources:
    """The files of one data set, opened when first asked for.

    Args:
        root: The workspace's folder.
        name: Name of the data set.
        models: Models of this run, in the order they are shown.
    """

    def __init__(self, root: Path, name: str, models: list[str]) -> None:
        self.name = name
        self.models = models
        self._workspace = Workspace(root, name)

    @cached_property
    def store(self) -> ImageStore:
        """Images and table."""
        return ImageStore(self._workspace.existing("images"))

    @cached_property
    def grabcut(self) -> hdf5.Cache:
        """Seed masks."""
        return open_seeds(self._workspace.existing("grabcut"), self.store.digest)

    @cached_property
    def foreground(self) -> hdf5.Cache:
        """Foreground masks."""
        return open_foreground(self._workspace.existing("foreground"), self.store.digest)

    @cached_property
    def parts(self) -> hdf5.Cache:
        """Part boxes."""
        return open_parts(self._workspace.existing("parts"), self.store.digest)

    @cached_property
    def part_masks(self) -> hdf5.Cache:
        """View masks and area ratios."""
        return open_views(self._workspace.existing("part_masks"), self.store.digest)

    @cached_property
    def truth(self) -> hdf5.Cache:
        """Ground truth."""
        return open_truth(self._workspace.existing("truth"), self.store.digest)

    @cached_property
    def quality(self) -> dict[str, Any]:
        """Measured quality of the artifacts, group -> measure -> value."""
        return read_json(self._workspace.existing("quality"))

    @cached_property
    def part_classes(self) -> list[dict[str, str]]:
        """Quality of each part class: ``part``, ``parts``, ``ap50``, ``ap``, ``recall_top_d``."""
        return read_csv(self._workspace.existing("part_classes"), "part", "ap50", "recall_top_d")

    def attention(self, model: str) -> hdf5.Cache | None:
        """What one model looked at; None where nothing was kept.

        Raises:
            ValueError: It weighed other boxes than those at hand.
        """
        path = self._of(model).path("attention")
        if not path.exists():
            return None
        cache = open_attention(path, self.store.digest)
        form = form_of(cache.header)
        if form is not None and form.top_d:
            check_boxes(cache, self.parts)
        return cache

    def metrics(self, model: str) -> dict[str, Any]:
        """Metrics of one model; raises as `read_metrics`."""
        return read_metrics(self._of(model), "metrics")

    def curve(self, model: str) -> list[dict[str, str]]:
        """Cumulative matching curve of one model: ``rank``, ``rate``.

        Raises:
            ValueError: It is that of another evaluation than the metrics are.
        """
        path, rates = self._of(model).existing("curve"), self.metrics(model)["CMC"]
        rows = read_csv(path, "rank", "rate")
        for row in rows:
            _check_of_one(path, f"rate at rank {row['rank']}", rates.get(row["rank"]), float(row["rate"]))
        return rows

    def ranking(self, model: str) -> Ranking:
        """Nearest gallery images of each query by one model."""
        return read_ranking(self._of(model).existing("ranking"), self.store.digest, f"{self.name}/{model}")

    def queries(self, model: str) -> list[dict[str, str]]:
        """A line per query of the leading test set's first draw by one model, as the rows of its ranking are.

        Raises:
            ValueError: They are those of another evaluation than the metrics or the ranking are.
        """
        path, metrics = self._of(model).existing("tables") / "queries.csv", self.metrics(model)
        draws: dict[str, list[dict[str, str]]] = {"0": []}
        for row in read_csv(path, "test_set", "draw", "average_precision", "path"):
            if row["test_set"] == metrics["test_set"]:
                draws.setdefault(row["draw"], []).append(row)
        scores = [
            [float(row["average_precision"]) for row in rows if row["average_precision"]] for rows in draws.values()
        ]
        mean = fmean(map(fmean, scores)) if all(scores) else None
        _check_of_one(path, f"mAP of test set {metrics['test_set']}", metrics["mAP"], mean)
        asked = self.store.paths[self.ranking(model).rows].tolist()
        if (found := [row["path"] for row in draws["0"]]) != asked:
            raise ValueError(
                f"{path}: expected the {len(asked)} queries of ranking.h5 beside it in its order, got {len(found)}"
            )
        return draws["0"]

    def _of(self, model: str) -> Workspace:
        return replace(self._workspace, model=model)


def read_metrics(workspace: Workspace, name: str) -> dict[str, Any]:
    """Read the metrics of one evaluation.

    Args:
        workspace: Names data set and model, and what the model was trained on where that is another data set.
        name: ``metrics`` or ``metrics_across``.

    Raises:
        FileNotFoundError: They do not exist.
        DamagedFileError: They lack a figure.
        ValueError: They are of another model or data set; the message names both. What they do not say is taken.
    """
    metrics = read_json(path := workspace.existing(name), "test_set", "protocol", "queries", "mAP")
    for what in ("model", "dataset", "trained_on"):
        expected = getattr(workspace, what)
        found = metrics.get(what, "" if what == "trained_on" else expected)
        if found != expected:
            raise ValueError(f"{path}: expected metrics whose {what} is {expected!r}, got {found!r}")
    return metrics


def _check_of_one(path: Path, what: str, expected: float | None, found: float | None) -> None:
    """Check that a table is of the evaluation that its metrics are of, by a figure that both give."""
    if expected is not None and (found is None or abs(found - expected) > SAME):
        got = "none" if found is None else f"{found:.4f}"
        raise ValueError(f"{path}: expected the {what} that metrics.json gives, {expected:.4f}, got {got}")
