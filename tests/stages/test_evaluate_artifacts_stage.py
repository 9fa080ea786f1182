import json
from pathlib import Path

import pytest
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
    assert set(metrics) == {"grabcut", "removed_seeds", "foreground", "parts", "part_masks", "viewpoint"}
    assert metrics["removed_seeds"] == {"seeds": 4, "bad_share": 1.0, "removed": 1, "removed_bad_share": 1.0}
    assert metrics["parts"]["d"] == 2
    assert data.path("part_classes").read_text().splitlines()[0] == "part,parts,ap50,ap,recall_top_d"


@pytest.mark.parametrize(
    ("weights", "maker"), [("detector", "detector"), ("span", "span"), ("foreground_network", "foreground")]
)
def test_what_other_weights_made_is_refused_with_both_digests(
    tiny_data: TinyData, tmp_path: Path, weights: str, maker: str
) -> None:
    data = tiny_data.copy(tmp_path)
    write_params(data.root)
    content = bytearray(data.path(weights).read_bytes())
    content[-1] ^= 1
    data.path(weights).write_bytes(content)
    result = invoke(evaluate_artifacts, data.root)
    assert result.exit_code == 1
    assert f"made with {maker}" in result.output
    assert not data.path("quality").exists()
