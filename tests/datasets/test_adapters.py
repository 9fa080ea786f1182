from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from pipeline.datasets.adapters import ADAPTERS, PrepareParams, read_data_set
from pipeline.datasets.records import check_records
from pipeline.store import params
from tests.datasets.miniatures import PARAMS, WRITERS

DOCS = PARAMS.parent / "docs"


def test_every_adapter_can_be_chosen() -> None:
    assert set(get_args(get_type_hints(PrepareParams)["adapter"])) == set(ADAPTERS)


@pytest.mark.parametrize("dataset", WRITERS)
def test_a_benchmarks_override_chooses_its_adapter_and_protocol(dataset: str) -> None:
    overrides = params.read(PARAMS)["overrides"][dataset]
    assert overrides["evaluate"]["protocol"] == dataset
    assert params.load(PARAMS, "prepare", PrepareParams, dataset=dataset).adapter == dataset


@pytest.mark.parametrize("dataset", WRITERS)
def test_a_benchmarks_page_shows_its_folder_as_the_adapter_reads_it(dataset: str, tmp_path: Path) -> None:
    WRITERS[dataset](tmp_path)
    page = (DOCS / f"{dataset}.md").read_text(encoding="utf-8")
    assert f"data/raw/{dataset}/" in page
    assert f"Protocol `{dataset}`" in page
    assert [entry.name for entry in tmp_path.iterdir() if entry.name not in page] == []
    assert f"({dataset}.md)" in (DOCS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("dataset", WRITERS)
def test_a_table_of_viewpoints_labels_any_benchmark_by_path(dataset: str, tmp_path: Path) -> None:
    WRITERS[dataset](tmp_path)
    values = params.load(PARAMS, "prepare", PrepareParams, dataset=dataset)
    path = read_data_set(tmp_path, values).records[0].path
    (tmp_path / "by_hand.csv").write_text(f"image,viewpoint\n{path},front\n")
    changed = params.read(PARAMS)["prepare"] | {"adapter": dataset, "viewpoints": ["by_hand.csv"]}
    found = read_data_set(tmp_path, params.build(PrepareParams, changed, "prepare"))
    check_records(found.records, dataset)
    assert [record.path for record in found.records if record.viewpoint == "front"] == [path]
    assert f"{len(found.records) - 1} images have no viewpoint" in found.remarks
