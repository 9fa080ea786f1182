import json
from pathlib import Path

from drawn_vehicles import TinyData
from tiny_run import invoke, run_stage, write_params

from stages.evaluate_artifacts import evaluate_artifacts


def test_the_stage_writes_metrics_and_classes_with_the_data_sets_own_values(
    tiny_data: TinyData, tmp_path: Path
) -> None:
    data = tiny_data.copy(tmp_path)
    write_params(data.root, evaluate_artifacts={"parts": 2})
    run_stage(evaluate_artifacts, data.root)
    metrics = json.loads(data.path("quality").read_text())
    assert set(metrics) == {"grabcut", "foreground", "parts", "part_masks", "viewpoint"}
    assert metrics["parts"]["d"] == 2
    assert data.path("part_classes").read_text().splitlines()[0] == "part,ap50,ap"


def test_boxes_of_another_detector_are_refused_with_both_digests(tiny_data: TinyData, tmp_path: Path) -> None:
    data = tiny_data.copy(tmp_path)
    write_params(data.root)
    content = bytearray(data.path("detector").read_bytes())
    content[-1] ^= 1
    data.path("detector").write_bytes(content)
    result = invoke(evaluate_artifacts, data.root)
    assert result.exit_code == 1
    assert "made with detector" in result.output
    assert not data.path("quality").exists()
