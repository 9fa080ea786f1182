from dataclasses import asdict
from pathlib import Path

from click.testing import CliRunner
from drawn_vehicles import TinyData
from ruamel.yaml import YAML

from pipeline.report.sources import ReportParams
from pipeline.store.files import write_csv, write_json
from stages.report import report

ACROSS: dict[str, list[str]] = {"trained_on": [], "tested_on": []}
VALUES = ReportParams(2, 2, 32, 2, 1, 4, 16, 1, 1, 24, 40, "absent")


def test_the_stage_writes_one_page_about_the_data_sets_and_models_listed(tiny_data: TinyData, tmp_path: Path) -> None:
    data = tiny_data.copy(tmp_path)
    write_json(data.path("quality"), {})
    write_csv(data.path("part_classes"), [], ("part", "ap50", "recall_top_d"))
    listed = {"datasets": ["tiny"], "models": [], "across": ACROSS, "report": asdict(VALUES)}
    with open(data.root / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(listed, stream)
    result = CliRunner().invoke(report, ["--root", str(data.root)])
    assert result.exit_code == 0, result.output
    assert [path.name for path in data.path("report").iterdir()] == ["index.html"]
    assert "tiny" in (data.path("report") / "index.html").read_text(encoding="utf-8")


def test_what_digests_list_and_dvc_does_not_bring_is_named(tmp_path: Path) -> None:
    listed = {"datasets": ["tiny"], "models": [], "across": ACROSS, "report": asdict(VALUES)}
    with open(tmp_path / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(listed, stream)
    write_json(tmp_path / "data/digests/tiny.json", {"data/images/tiny.h5": "0", "data/parts/tiny.h5": "0"})
    result = CliRunner().invoke(report, ["--root", str(tmp_path)])
    assert result.exit_code == 1
    assert "data/images/tiny.h5, and 1 more, are missing, and `dvc pull` did not bring them" in result.output
    assert not (tmp_path / "data/report").exists()
