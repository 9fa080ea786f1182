import shutil
from dataclasses import asdict
from pathlib import Path

from click.testing import CliRunner
from drawn_vehicles import TinyData
from ruamel.yaml import YAML

from pipeline.report.sources import ReportParams
from pipeline.store.files import write_csv, write_json
from stages.report import report

VALUES = ReportParams(2, 2, 32, 2, 4, 16, 1, 1, 24, 40, "absent")


def test_the_stage_writes_one_page_about_the_data_sets_and_models_listed(tiny_data: TinyData, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(tiny_data.root, data)
    write_json(data / "quality/tiny/metrics.json", {})
    write_csv(data / "quality/tiny/ap_by_class.csv", [], ("part", "ap50", "ap"))
    listed = {"datasets": ["tiny"], "models": [], "report": asdict(VALUES)}
    with open(tmp_path / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(listed, stream)
    arguments = ["--data", data, "--output", tmp_path / "out", "--params", tmp_path / "params.yaml"]
    result = CliRunner().invoke(report, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]
    assert "tiny" in (tmp_path / "out/index.html").read_text(encoding="utf-8")
