from pathlib import Path

import pytest

from pipeline.sharing.shown import ARTIFACTS, digests_of, missing
from pipeline.store.files import write_json
from pipeline.store.places import Workspace

NONE: dict[str, list[str]] = {"trained_on": [], "tested_on": []}


def test_a_digest_of_a_folder_changes_with_names_and_content_of_its_files_alone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "cars", "baseline")
    (folder := workspace.path("tables")).mkdir(parents=True)
    (folder / "queries.csv").write_text("a")
    first = digests_of(workspace, ["tables"])
    assert set(first) == {"data/evaluation/cars/baseline/tables"}
    (folder / ".queries.csv.lock").touch()
    assert digests_of(workspace, ["tables"]) == first
    (folder / "queries.csv").rename(folder / "draws.csv")
    second = digests_of(workspace, ["tables"])
    (folder / "draws.csv").write_text("b")
    assert len({str(found) for found in (first, second, digests_of(workspace, ["tables"]))}) == 3


def test_an_output_that_is_missing_is_named_with_its_stage(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="stage `prepare` makes it"):
        digests_of(Workspace(tmp_path, "cars"), ARTIFACTS)


def test_what_is_missing_is_told_of_the_data_sets_and_models_listed_alone(tmp_path: Path) -> None:
    there = tmp_path / "data/images/cars.h5"
    there.parent.mkdir(parents=True)
    there.touch()
    lists = {
        Workspace(tmp_path, "cars").path("artifact_digests"): ["data/images/cars.h5", "data/parts/cars.h5"],
        Workspace(tmp_path, "cars", "pgan").path("evaluation_digests"): ["data/attention/cars/pgan.h5"],
        Workspace(tmp_path, "vans").path("artifact_digests"): ["data/images/vans.h5"],
        Workspace(tmp_path, "cars", "pgan", trained_on="vans").path("across_digests"): ["data/across.json"],
    }
    for path, names in lists.items():
        write_json(path, dict.fromkeys(names, "0"))
    assert missing(tmp_path, ["cars"], [], NONE) == ["data/parts/cars.h5"]
    assert missing(tmp_path, ["cars"], ["pgan"], NONE) == ["data/attention/cars/pgan.h5", "data/parts/cars.h5"]
    assert missing(tmp_path, [], ["pgan"], {"trained_on": ["vans"], "tested_on": ["cars"]}) == ["data/across.json"]
