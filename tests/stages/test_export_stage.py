import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from drawn_vehicles import TinyData
from tiny_run import PROJECT, invoke, run_stage, write_params

from pipeline.artifacts.features import read_features
from pipeline.artifacts.parts import open_parts
from pipeline.store.files import file_digest
from stages.cli import reid
from stages.embed import embed
from stages.export import export

onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of torch's exporter and the quantiser
PAGE = (PROJECT / "docs/export.md").read_text(encoding="utf-8")
ALONE = """
import sys

for name in ("pipeline", "stages", "torch"):
    sys.modules[name] = None  # an import of it fails
"""
TINY_CHECK = ["--tolerance", "0.5"]
"""The tiny networks are random and their images plain, so that boxes and masks from images are often ties."""


@pytest.fixture(scope="module")
def exported(finished_run: TinyData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page's commands write: a model that reads view masks, and in `small` one that reads boxes."""
    folder = tmp_path_factory.mktemp("page")
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("reid ")]
    assert [command[1] for command in commands] == ["export", "export"]
    tiny = {"synthetic": "tiny", "fused": "span_cpdm"}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for _, *words in commands:
            words = [tiny.get(word, word) for word in words]
            result = CliRunner().invoke(reid, [*words, "--root", str(finished_run.root), *TINY_CHECK])
            assert result.exit_code == 0, result.output
    return folder / "exported"


def features(run: TinyData, model: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found, _ = read_features(run.path("features", model), run.store.digest)
    return found.rows, found.features, found.area_ratios


def test_the_command_says_what_it_measured_of_each_file(finished_run: TinyData, tmp_path: Path) -> None:
    result = invoke(export, finished_run.root, "--output", tmp_path, model="baseline")
    assert result.exit_code == 0, result.output
    (line,) = result.output.splitlines()
    assert line.startswith(f"{tmp_path / 'baseline.onnx'}: ")
    assert re.search(r"greatest difference \d\.\de-\d\d over 4 images; nearest \d of 2 of 2 queries in the same", line)
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["baseline.onnx"]


def test_a_file_gives_the_features_of_the_stage_for_batches_and_for_single_images(
    finished_run: TinyData, exported: Path
) -> None:
    rows, expected, _ = features(finished_run, "pgan")
    session = onnxruntime.InferenceSession(str(exported / "small/pgan.onnx"))
    assert [item.name for item in session.get_inputs()] == ["images", "boxes"]
    store = finished_run.store
    images = np.stack([store.image(row) for row in rows])
    boxes = open_parts(finished_run.path("parts"), store.digest)["boxes"][()][rows][:, :4]
    (batch,) = session.run(None, {"images": images, "boxes": boxes})
    np.testing.assert_allclose(batch, expected, atol=1e-5)
    (single,) = session.run(None, {"images": images[:1], "boxes": boxes[:1]})
    np.testing.assert_allclose(single, expected[:1], atol=1e-5)


def test_a_file_says_what_it_is_made_of_and_how_its_features_compare(finished_run: TinyData, exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported / "small/pgan_from_images.onnx"))
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["format"], facts["model"], facts["distance"]) == ("vehicle-reid/1", "pgan", "euclidean")
    assert json.loads(facts["dimensions"]) == [16]
    assert facts["weights_sha256"] == file_digest(finished_run.path("reid", "pgan"))
    assert facts["detector_sha256"] == file_digest(finished_run.path("detector"))
    assert [item.name for item in session.get_inputs()] == ["images"]
    assert str(PROJECT) not in (exported / "small/pgan_from_images.onnx").read_bytes().decode("latin-1")


def test_the_code_of_the_page_finds_the_stages_distances_without_this_project(
    finished_run: TinyData, exported: Path
) -> None:
    run, model = finished_run, "span_cpdm"
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    code = code.replace("fused_from_images", f"{model}_from_images")
    rows, expected, ratios = features(run, model)
    files = [str(run.file(int(row))) for row in rows[:2]]
    asked = f"found = [describe(path) for path in {files!r}]\n"
    told = "print(json.dumps([[v.tolist() for v in item] for item in found] + [distance(*found)]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{ALONE}\n{code}\n{asked}{told}"],
        cwd=exported.parent,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    first, second, apart = json.loads(done.stdout)
    weights = np.array(first[1][0]) * np.array(second[1][0])
    blocks = np.split(np.array(first[0][0]) - np.array(second[0][0]), [12, 20, 28])
    lengths = [np.linalg.norm(block) for block in blocks]
    assert apart == pytest.approx(float((weights * lengths).sum() / weights.sum()), rel=1e-4)
    np.testing.assert_allclose(first[0][0], expected[0], atol=0.05)
    np.testing.assert_allclose(first[1][0], ratios[0], atol=0.02)


def test_every_command_of_the_page_writes_what_it_says(exported: Path) -> None:
    assert {path.name for path in exported.glob("*.onnx")} == {"span_cpdm.onnx", "span_cpdm_from_images.onnx"}
    small = {path.name for path in (exported / "small").glob("[!.]*")}
    assert small == {"pgan.onnx", "pgan_int8.onnx", "pgan_from_images.onnx", "pgan_from_images_int8.onnx"}
    session = onnxruntime.InferenceSession(str(exported / "small/pgan_int8.onnx"))
    assert session.get_modelmeta().custom_metadata_map["quantised"] == "int8: Conv, Gemm"


def test_a_file_averages_mirror_images_too_where_the_stage_does(finished_run: TinyData, tmp_path: Path) -> None:
    run = finished_run.copy(tmp_path / "run")
    write_params(run.root, embed={"mirrored_too": True})
    refused = invoke(export, run.root, "--output", tmp_path, model="pgan").output
    assert "pgan.h5: made with embed.mirrored_too false, expected true, that of" in refused
    run_stage(embed, run.root, model="pgan")
    assert np.abs(features(run, "pgan")[1] - features(finished_run, "pgan")[1]).max() > 1e-3
    result = invoke(export, run.root, "--output", tmp_path, *TINY_CHECK, model="pgan")
    line = next(line for line in result.output.splitlines() if line.startswith(f"{tmp_path / 'pgan.onnx'}: "))
    assert float(re.search(r"greatest difference (\S+) over", line)[1]) < 1e-5
    facts = onnxruntime.InferenceSession(str(tmp_path / "pgan.onnx")).get_modelmeta().custom_metadata_map
    assert facts["mirrored_too"] == "true"


def test_a_file_that_differs_from_the_pipeline_is_not_kept(finished_run: TinyData, tmp_path: Path) -> None:
    result = invoke(export, finished_run.root, "--output", tmp_path, "--tolerance", 0, model="baseline")
    assert result.exit_code == 1
    assert "expected features that differ from those of stage `embed` by at most 0" in result.output
    assert list(tmp_path.glob("[!.]*")) == []


def test_another_kind_of_file_and_features_of_other_weights_are_refused(finished_run: TinyData, tmp_path: Path) -> None:
    assert invoke(export, finished_run.root, "--format", "coreml", model="baseline").exit_code == 2
    changed = finished_run.copy(tmp_path / "run")
    path = changed.path("reid", "baseline")
    path.write_bytes(finished_run.path("reid", "pgan").read_bytes())
    result = invoke(export, changed.root, "--output", tmp_path / "out", model="baseline")
    assert result.exit_code == 1
    assert "expected weights of model 'baseline', got 'pgan'" in result.output
