import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_run import PROJECT, invoke

from pipeline.networks import loggers
from pipeline.store.params import merge, read
from stages.check import check


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A table of four images whose values are those of the repository's own parameters."""
    folder = tmp_path / "data" / "raw" / "shop"
    folder.mkdir(parents=True)
    rows = {"a": "train,1,c1,front", "b": "train,1,c2,front", "c": "query,2,c1,front", "d": "gallery,2,c2,front"}
    for seed, name in enumerate(rows):
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), np.uint8)
        cv2.imwrite(str(folder / f"{name}.png"), pixels)
    lines = [f"{name}.png,{row}" for name, row in rows.items()]
    (folder / "images.csv").write_text("\n".join(["path,split,vehicle_id,camera_id,viewpoint", *lines]) + "\n")
    document = read(PROJECT / "params.yaml") | {"datasets": ["synthetic", "shop"], "models": []}
    document["overrides"] = {"shop": {"prepare": {"adapter": "table"}}}
    (tmp_path / "params.yaml").write_text(json.dumps(document))
    return tmp_path


def run(root: Path, *options: str) -> Result:
    return invoke(check, root, *options, dataset="shop")


def test_a_usable_data_set_ends_with_status_0(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    result = CliRunner().invoke(check, ["--dataset", "shop"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("shop: data/raw/shop, read by the adapter table\n")
    assert result.output.endswith("0 errors, 0 warnings, 1 note: the data set can be used\n")
    assert "\x1b" not in result.output


def test_an_error_ends_with_status_1_and_the_findings_are_written(root: Path) -> None:
    folder = root / "data" / "raw" / "shop"
    (folder / "b.png").write_bytes(b"")
    result = run(root, "--json", str(root / "findings.json"))
    assert result.exit_code == 1
    assert "b.png: the file is empty" in result.output
    written = json.loads((root / "findings.json").read_text())
    assert (written["dataset"], written["adapter"]) == ("shop", "table")
    assert written["counts"][0]["images"] == 2
    faults = [finding for finding in written["findings"] if finding["level"] == "error"]
    assert [(fault["section"], fault["count"]) for fault in faults] == [("images", 1)]


def test_the_findings_replace_no_file_of_another_kind(root: Path) -> None:
    before = (root / "params.yaml").read_bytes()
    result = run(root, "--json", str(root / "params.yaml"))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ValueError: --json: expected ")
    assert (root / "params.yaml").read_bytes() == before


def test_the_overrides_of_the_data_set_apply(root: Path) -> None:
    document = read(root / "params.yaml")
    document["overrides"]["shop"]["prepare"]["limits"] = {"min_side": 41}
    (root / "params.yaml").write_text(json.dumps(document))
    result = run(root)
    assert result.exit_code == 1
    assert "images that are too small" in result.output


def test_a_data_set_that_has_neither_overrides_nor_a_folder_is_named_by_the_folder(root: Path) -> None:
    result = invoke(check, root, dataset="stop")
    assert result.exit_code == 1
    assert f"{root / 'data/raw/stop'}: no such folder" in result.output
    assert "datasets: synthetic, shop" in result.output
    assert result.output.endswith("1 error, 0 warnings, 1 note: the data set cannot be used as it is\n")


@pytest.mark.parametrize("stage", ["check", "label_viewpoints"])
def test_looking_at_data_sets_needs_no_torch(stage: str) -> None:
    code = f"import sys, stages.{stage}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


def test_what_the_run_would_fail_at_later_is_said_now(root: Path) -> None:
    document = read(root / "params.yaml") | {"models": ["baseline"]}
    (root / "params.yaml").write_text(json.dumps(document))
    result = run(root)
    assert result.exit_code == 1
    assert "train_reid: baseline takes 16 vehicles a batch, the split train has 1" in result.output


@pytest.mark.parametrize("names", [None, "shop", ["shop", "shop"]])
def test_a_list_of_data_sets_that_is_none_is_named(root: Path, names: object) -> None:
    document = read(root / "params.yaml") | {"datasets": names}
    (root / "params.yaml").write_text(json.dumps(document))
    result = run(root)
    assert result.exit_code == 1
    assert "params.yaml: datasets: expected " in result.output
    assert result.output.count("\n") == 1


def test_a_value_of_a_later_stage_is_checked_before_any_runs(root: Path) -> None:
    document = read(root / "params.yaml")
    del document["embed"]["batch_size"]
    (root / "params.yaml").write_text(json.dumps(document))
    result = run(root)
    assert result.exit_code == 1
    assert "params.yaml: embed: key 'batch_size' is missing" in result.output


def lay(root: Path, changes: dict[str, Any]) -> None:
    """Lay changes over a parameter file that lists the data set for re-ID and lets it teach detector and SPAN."""
    small = {"network": {"backbone": "resnet10_narrow"}, "pretrained": {"source": None}}
    detector = {"network": {"name": "ssdlite320_mobilenet_v3_large"}, "pretrained": {"source": None}}
    lent = {"train_detector": {"dataset": "shop", **detector}, "train_span": {"dataset": "shop", **small}}
    models = {
        "models": ["baseline"],
        "train_foreground": small,
        "train_reid": {"backbone": "resnet10_narrow", "pretrained": {"source": None}},
    }
    document = merge(read(root / "params.yaml"), lent, models, changes)
    (root / "params.yaml").write_text(json.dumps(document))


def own(changes: dict[str, Any]) -> dict[str, Any]:
    """Changes as the data set's overrides."""
    return {"overrides": {"shop": changes}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (own({"evaluate": {"protocol": "veri"}}), "evaluate: evaluate.protocol: expected one of veri776, "),
        (own({"evaluate": {"alike": "make"}}), "evaluate.alike: expected one of camera_id, vehicle_id, got 'make'"),
        (
            own({"train_foreground": {"network": {"backbone": "resnet9"}}}),
            "train_foreground: backbone: expected one",
        ),
        (own({"train_span": {"network": {"backbone": "resnet9"}}}), "train_span: backbone: expected one of"),
        (own({"train_reid": {"backbone": "resnet9"}}), "train_reid: baseline: backbone: expected one of resnet10, "),
        (own({"train_reid": {"pretrained": {"source": "no.pth"}}}), "baseline: no.pth: no such file of pretrained"),
        (own({"train_detector": {"pretrained": {"source": "no.pth"}}}), "train_detector: no.pth: no such file of"),
        (own({"train_detector": {"network": {"name": "ssd_resnet"}}}), "train_detector: resnet: expected a shape for"),
        (
            own({"train_span": {"pretrained": {"source": "V9"}}}),
            "train_span: pretrained.source: expected timm, or",
        ),
        (
            own({"train_reid": {"pretrained": {"source": "package:absent/a.pth"}}}),
            "pretrained.source: expected package:NAME/FILE of an installed package, got 'package:absent/a.pth'",
        ),
        (own({"train_reid": {"frozen_levels": 9}}), "train_reid: baseline: frozen_levels: expected at most the"),
        ({"runtime": {"precision": "8"}}, "runtime.precision: expected one of 32-true, bf16-mixed, 16-mixed, got '8'"),
        ({"runtime": {"devices": 0}}, "runtime.devices: expected a number above 0, got 0"),
        ({"report": {"queries": "six"}}, "params.yaml: report.queries: expected a whole number, got 'six'"),
    ],
)
def test_a_value_that_a_stage_would_refuse_hours_later_is_an_error_now(
    root: Path, changes: dict[str, Any], message: str
) -> None:
    lay(root, changes)
    result = run(root)
    assert result.exit_code == 1
    assert message in result.output, result.output


def test_what_this_machine_lacks_of_what_the_run_asks_for_is_a_warning(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(loggers.PACKAGES, "dvclive", "no_such_package")
    changes = {"logger": "dvclive", "accelerator": "cpu", "devices": 2, "synchronised_norm": True}
    (root / "params.yaml").write_text(json.dumps(merge(read(root / "params.yaml"), {"runtime": changes})))
    result = run(root)
    assert result.exit_code == 0, result.output
    assert "runtime.synchronised_norm: expected false on CPUs" in result.output
    assert "runtime.logger: dvclive is not installed" in result.output
