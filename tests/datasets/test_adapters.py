import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter
from tiny_run import PROJECT

from pipeline.datasets.adapters import ADAPTERS, PrepareParams, adapter_of, read_data_set
from pipeline.datasets.records import check_records
from pipeline.store import params
from tests.datasets.miniatures import WRITERS

PARAMS, DOCS = PROJECT / "params.yaml", PROJECT / "docs"


def test_every_adapter_can_be_chosen_and_is_named_where_it_is_chosen() -> None:
    described = TypeAdapter(PrepareParams).json_schema()["properties"]["adapter"]["description"]
    for name, adapter in ADAPTERS.items():
        values = params.build(PrepareParams, params.read(PARAMS)["prepare"] | {"adapter": name}, "prepare")
        assert adapter_of(values) is adapter
        assert name in described


def test_another_adapter_is_refused_with_the_names_there_are() -> None:
    values = params.build(PrepareParams, params.read(PARAMS)["prepare"] | {"adapter": "veri"}, "prepare")
    with pytest.raises(ValueError, match=f"prepare.adapter: expected one of {', '.join(ADAPTERS)}, got 'veri'"):
        adapter_of(values)


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


def test_the_adapter_of_the_docs_reads_a_folder_and_names_what_it_cannot_read(tmp_path: Path) -> None:
    page = (DOCS / "adding.md").read_text(encoding="utf-8")
    _, code, *_ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    module: dict[str, Any] = {}
    exec(compile(code, "docs/adding.md", "exec"), module)
    for name in ("probe/7_1.jpg", "north/7_2.jpg", "north/8_1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    records = module["read"](tmp_path).records
    assert [(r.path, r.split, r.vehicle_id, r.camera_id) for r in records] == [
        ("north/7_2.jpg", "gallery", "7", "north"),
        ("north/8_1.jpg", "gallery", "8", "north"),
        ("probe/7_1.jpg", "query", "7", "probe"),
    ]
    check_records(records, "street")
    (tmp_path / "north/_3.jpg").touch()
    with pytest.raises(ValueError, match=r"_3\.jpg: expected names as VEHICLE_NUMBER\.jpg"):
        module["read"](tmp_path)
