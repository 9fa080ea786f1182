from pathlib import Path

import pytest

from pipeline.ablations.rows import BENCHMARKS
from pipeline.ablations.tables import TABLES
from pipeline.store.params import read

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_a_table_is_a_model_of_the_parameters(name: str) -> None:
    assert {row.model for row in TABLES[name].rows} <= set(read(PARAMS)["reid_models"])


@pytest.mark.parametrize("name", TABLES)
def test_published_figures_are_percentages_of_a_known_benchmark(name: str) -> None:
    for row in TABLES[name].rows:
        assert set(row.published) <= set(BENCHMARKS)
        figures = [figure for published in row.published.values() for figure in published.figures]
        assert all(figure is None or 20 < figure < 100 for figure in figures), row.label


def test_a_model_has_the_same_figures_wherever_it_stands() -> None:
    found: dict[str, set[tuple[float | None, ...]]] = {}
    for table in TABLES.values():
        for row in table.rows:
            if "veri776" in row.published and row.published["veri776"].rank_5 is not None:
                found.setdefault(row.model, set()).add(row.published["veri776"].figures)
    assert {model: len(figures) for model, figures in found.items()} == dict.fromkeys(found, 1)
