import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_vehicles import TinyData
from tiny_run import invoke

from pipeline.search import index as module
from pipeline.search.gallery import find, open_gallery
from stages.index import index


@pytest.fixture(scope="module")
def faiss() -> Any:
    return pytest.importorskip("faiss", reason="dependency group faiss")


def test_faiss_reads_the_index_and_finds_what_a_search_finds(
    finished_run: TinyData, tmp_path: Path, faiss: Any
) -> None:
    result = invoke(index, finished_run.root, "--output", tmp_path / "tiny.faiss", model="pgan")
    assert result.exit_code == 0, result.output
    read = faiss.read_index(str(tmp_path / "tiny.faiss"))
    gallery = open_gallery(finished_run.workspace("pgan"), (), {})
    inside = np.flatnonzero(gallery.features.member)
    assert read.ntotal == len(inside) == 2
    queries = gallery.features.values[:][::-1].copy()
    distances, positions = read.search(queries, 2)
    found = find(gallery.features, queries, np.zeros((len(queries), 0), np.float32), 2)
    for place, matches in enumerate(found):
        assert inside[positions[place]].tolist() == matches.positions.tolist()
        np.testing.assert_allclose(distances[place], matches.distances, atol=1e-5)
    with open(tmp_path / "tiny.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["position"] for row in rows] == ["0", "1"]
    assert [row["path"] for row in rows] == finished_run.store.paths[[6, 7]].tolist()
    assert rows[0] == {
        "position": "0",
        "path": finished_run.file(6).name,
        "vehicle_id": "0003",
        "camera_id": "c2",
        "viewpoint": "front-side",
        "type": "van",
    }


def test_tracks_are_indexed_in_place_of_images(finished_run: TinyData, tmp_path: Path, faiss: Any) -> None:
    options = ["--tracks", "vehicle_id", "--output", tmp_path / "t.faiss"]
    result = invoke(index, finished_run.root, *options, model="baseline")
    assert result.exit_code == 0, result.output
    assert faiss.read_index(str(tmp_path / "t.faiss")).ntotal == 2
    assert (tmp_path / "t.csv").read_text().splitlines()[1].endswith(",van,0003,1")


def test_features_that_faiss_cannot_compare_are_refused_and_nothing_is_written(
    finished_run: TinyData, tmp_path: Path
) -> None:
    result = invoke(index, finished_run.root, "--output", tmp_path / "none.faiss", model="span_cpdm")
    assert result.exit_code == 1
    assert "expected features that compare by euclidean distance, as FAISS does, got cpdm" in result.output
    assert not list(tmp_path.glob("none.*"))


def test_a_column_named_as_one_of_the_tables_own_is_refused(
    finished_run: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = open_gallery(finished_run.workspace("pgan"), (), {})
    groups = {**gallery.store.groups, "position": gallery.store.groups["type"]}
    monkeypatch.setattr(gallery.store, "groups", groups)
    with pytest.raises(ValueError, match="expected columns of other names than the table's own, .*; got position"):
        module.write_index(tmp_path / "i.faiss", tmp_path / "i.csv", gallery, "Flat")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("faiss")
def test_an_unknown_kind_of_index_is_refused_and_nothing_is_written(finished_run: TinyData, tmp_path: Path) -> None:
    options = ["--factory", "Nothing", "--output", tmp_path / "none.faiss"]
    result = invoke(index, finished_run.root, *options, model="baseline")
    assert result.exit_code == 1
    assert "FAISS knows no index 'Nothing'" in result.output
    assert not list(tmp_path.glob("none.*"))


def test_an_index_named_as_its_table_is_refused(finished_run: TinyData, tmp_path: Path) -> None:
    result = invoke(index, finished_run.root, "--output", tmp_path / "gallery.csv", model="baseline")
    assert result.exit_code == 2
    assert "expected a name whose table is another file" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_missing_faiss_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(module.importlib, "import_module", missing)
    with pytest.raises(RuntimeError, match="FAISS is not installed .*pip install faiss-cpu"):
        module._faiss()


def test_a_table_of_anothers_is_not_replaced(finished_run: TinyData, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("path,price\na.png,3\n")
    result = invoke(index, finished_run.root, "--output", tmp_path / "own.faiss", model="baseline")
    assert result.exit_code == 1
    assert "own.csv: expected a name that is free, or the table of an earlier index to replace" in result.output
    assert (tmp_path / "own.csv").read_text() == "path,price\na.png,3\n"
    assert not (tmp_path / "own.faiss").exists()
