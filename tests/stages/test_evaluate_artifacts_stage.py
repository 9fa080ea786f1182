import json
from pathlib import Path

from click.testing import CliRunner, Result
from drawn_vehicles import TinyData

from stages.evaluate_artifacts import evaluate_artifacts

PARAMS = """
evaluate_artifacts: {parts: 3, spill_margin: 0.05, viewpoint_share: 0.2}
overrides:
  tiny:
    evaluate_artifacts: {parts: 2}
"""


def invoke(data: TinyData, folder: Path, detector: Path) -> Result:
    (folder / "params.yaml").write_text(PARAMS)
    arguments = ["--dataset", "tiny", "--params", folder / "params.yaml", "--detector", detector]
    arguments += ["--span", data.weights("span"), "--output", folder / "metrics.json"]
    arguments += ["--classes", folder / "ap_by_class.csv"]
    for kind in ("images", "truth", "grabcut", "foreground", "parts", "part_masks"):
        arguments += [f"--{kind.replace('_', '-')}", data.path(kind)]
    return CliRunner().invoke(evaluate_artifacts, [str(argument) for argument in arguments])


def test_the_stage_writes_metrics_and_classes_with_the_data_sets_own_values(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    result = invoke(tiny_data, tmp_path, tiny_data.weights("detector"))
    assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(metrics) == {"grabcut", "foreground", "parts", "part_masks", "viewpoint"}
    assert metrics["parts"]["d"] == 2
    assert (tmp_path / "ap_by_class.csv").read_text().splitlines()[0] == "part,ap50,ap"


def test_boxes_of_another_detector_are_refused_with_both_digests(tiny_data: TinyData, tmp_path: Path) -> None:
    other = tmp_path / "detector.safetensors"
    content = bytearray(tiny_data.weights("detector").read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)
    result = invoke(tiny_data, tmp_path, other)
    assert result.exit_code == 1
    assert "made with detector" in result.output
    assert not (tmp_path / "metrics.json").exists()
