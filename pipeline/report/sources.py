"""What the report is made from: its parameters, and the files of each data set."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
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
        """Metrics of one model."""
        return read_json(self._of(model).existing("metrics"), "test_set", "protocol", "queries", "mAP")

    def curve(self, model: str) -> list[dict[str, str]]:
        """Cumulative matching curve of one model: ``rank``, ``rate``."""
        return read_csv(self._of(model).existing("curve"), "rank", "rate")

    def ranking(self, model: str) -> Ranking:
        """Nearest gallery images of each query by one model."""
        return read_ranking(self._of(model).existing("ranking"), self.store.digest, f"{self.name}/{model}")

    def queries(self, model: str) -> list[dict[str, str]]:
        """A line per query of each test set and draw, by one model."""
        return read_csv(self._of(model).existing("tables") / "queries.csv", "test_set", "draw", "average_precision")

    def _of(self, model: str) -> Workspace:
        return replace(self._workspace, model=model)
