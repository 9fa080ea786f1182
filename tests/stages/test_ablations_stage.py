from dataclasses import replace
from pathlib import Path

import pytest
from drawn_vehicles import TinyData
from tiny_run import invoke, write_params

from pipeline.ablations.rows import Row, Table
from pipeline.ablations.tables import TABLES
from stages.ablations import ablations

TINY = Table("union", "Tiny", "No paper", "One model.", (Row("Plain", "baseline"),), "Plain")
UNKNOWN = Table("union", "Tiny", "No paper", "None.", (Row("A", "no_such"), Row("B", "baseline")), "B")


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    copy = tiny_data.copy(tmp_path / "data")
    write_params(copy.root)
    return copy


def test_a_table_is_run_and_written_and_a_second_call_only_reads(
    data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLES, "union", TINY)
    first = invoke(ablations, data.root, "--table", "union", "--seeds", 2)
    assert first.exit_code == 0, first.output
    document, page = data.root / "docs/tables/union.md", data.root / "data/tables/tiny/union.html"
    assert first.output.splitlines()[-2:] == [str(document), str(page)]
    assert "| Plain | baseline |" in document.read_text()
    again = invoke(ablations, data.root, "--table", "union", "--seeds", 2, "--documents", data.root / "elsewhere")
    assert again.output.count("done before") == 2
    assert (data.root / "elsewhere/union.md").read_text() == document.read_text()


def test_a_model_that_the_parameters_lack_is_named_before_anything_is_trained(
    data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLES, "union", UNKNOWN)
    result = invoke(ablations, data.root, "--table", "union")
    assert result.exit_code == 1
    assert "reid_models: table union needs no_such, got no such entry" in result.output
    assert not (data.root / ".scratch").exists()


def test_a_plan_trains_nothing_and_all_tables_share_their_runs(data: TinyData, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = {name: replace(TINY, name=name) for name in ("first", "second")}
    monkeypatch.setattr("stages.ablations.TABLES", tables)
    planned = invoke(ablations, data.root, "--table", "all", "--seeds", 2, "--plan")
    assert planned.exit_code == 0, planned.output
    assert planned.output.splitlines()[-1].startswith("left: 2 runs, ")
    assert not (data.root / ".scratch").exists()
    done = invoke(ablations, data.root, "--table", "all", "--seeds", 2)
    assert done.output.count("done before") == 2
    assert {path.stem for path in (data.root / "docs/tables").glob("*.md")} == set(tables)
    planned = invoke(ablations, data.root, "--table", "all", "--seeds", 2, "--plan")
    assert planned.output.splitlines()[-1] == "nothing is left to run"


def test_a_sweep_that_chooses_values_is_measured_on_vehicles_held_out_unless_asked_otherwise(
    data: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(data.root, evaluate={"protocol": "every_camera"}, train_reid={"identities_per_batch": 1})
    monkeypatch.setattr("stages.ablations.TABLES", {"union": replace(TINY, held_out=0.5)})
    planned = invoke(ablations, data.root, "--table", "union", "--plan")
    assert "measured on 50 % of the training vehicles" in planned.output
    planned = invoke(ablations, data.root, "--table", "union", "--plan", "--held-out", 0)
    assert "measured on the test split" in planned.output
