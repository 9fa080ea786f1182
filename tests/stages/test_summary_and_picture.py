import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from drawn_vehicles import TinyData
from PIL import Image
from ruamel.yaml import YAML
from tiny_run import PROJECT

from pipeline.artifacts.ranking import Ranking, write_ranking
from pipeline.store.files import write_json
from stages.picture import picture
from stages.summary import summary


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    """The tiny data set with a ranking of its two queries: the first is answered rightly, the second wrongly."""
    copied = tiny_data.copy(tmp_path)
    shutil.copy(PROJECT / "params.yaml", copied.root)
    ranking = Ranking(
        rows=np.array([4, 5]),
        gallery=np.array([[6, 7], [6, 7]]),
        distances=np.array([[0.1, 0.2], [0.1, 0.2]], np.float32),
        match=np.array([[True, False], [False, True]]),
        view_weights=np.zeros((2, 2, 0), np.float32),
        view_distances=np.zeros((2, 2, 0), np.float32),
    )
    write_ranking(copied.workspace("baseline").path("ranking"), copied.store.digest, ranking, {})
    return copied


def test_the_picture_shows_six_panels_and_who_was_found(data: TinyData, tmp_path: Path) -> None:
    sizes = {}
    for row in (4, 5):
        output = tmp_path / f"{row}.png"
        arguments = ["--root", str(data.root), "--dataset", data.name, "--model", "baseline", "--row", str(row)]
        result = CliRunner().invoke(picture, [*arguments, "--output", str(output)])
        assert result.exit_code == 0, result.output
        sizes[row] = np.asarray(Image.open(output))
    assert sizes[4].shape == sizes[5].shape
    frames = [pixels[sizes[4].shape[0] // 2, -8 - 2].tolist() for pixels in sizes.values()]
    assert frames == [[40, 150, 60], [200, 80, 20]]  # right, wrong


def test_a_row_that_is_no_query_is_refused(data: TinyData, tmp_path: Path) -> None:
    arguments = ["--root", str(data.root), "--dataset", data.name, "--model", "baseline", "--row", "0"]
    result = CliRunner().invoke(picture, [*arguments, "--output", str(tmp_path / "no.png")])
    assert result.exit_code == 1
    assert "row 0 is no query of baseline's ranking" in result.output
    assert not (tmp_path / "no.png").exists()


@pytest.mark.parametrize(("name", "kind"), [("a.JPG", "JPEG"), ("a.webp", "WEBP"), ("a.txt", None), ("a", None)])
def test_a_picture_is_of_the_kind_its_name_says_or_refused_before_it_is_drawn(
    data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str | None
) -> None:
    arguments = ["--root", str(data.root), "--dataset", data.name, "--model", "baseline"]
    if kind is None:
        monkeypatch.setattr("stages.picture.pipeline_strip", None)
    result = CliRunner().invoke(picture, [*arguments, "--output", str(tmp_path / name)])
    assert result.exit_code == (1 if kind is None else 0), result.output
    if kind is None:
        assert "expected a file name that ends with .jpg or .jpeg or .png or .webp" in result.output
    else:
        with Image.open(tmp_path / name) as written:
            assert written.format == kind


def test_a_run_ends_with_a_figure_for_each_model_and_the_reports_place(data: TinyData) -> None:
    document = YAML(typ="safe").load((PROJECT / "params.yaml").read_text())
    document |= {"datasets": [data.name], "models": ["baseline", "pgan"]}
    with open(data.root / "params.yaml", "w") as stream:
        YAML().dump(document, stream)
    known = {"mAP": 0.25, "interval": {"mAP": [0.2, 0.3]}}
    for model, figures in (("baseline", known), ("pgan", {"mAP": None, "interval": {}})):
        metrics = {"test_set": "test", "protocol": "veri776/1", "queries": 2, "alike": None, "tracks": None}
        write_json(data.workspace(model).path("metrics"), metrics | figures)
    data.workspace("").path("report").mkdir(parents=True)
    result = CliRunner().invoke(summary, ["--root", str(data.root)])
    assert result.exit_code == 0, result.output
    first, second, _, last = result.output.splitlines()
    assert first == "tiny  baseline  test by veri776/1, 2 queries: mAP 0.250 (95 %: 0.200 to 0.300)"
    assert second.startswith("tiny  pgan      test by veri776/1, 2 queries: identities are withheld")
    assert last == f"Report: {(data.root / 'data/report').resolve() / 'index.html'}"
    write_json(data.workspace("pgan").path("metrics"), metrics | known | {"model": "baseline"})
    result = CliRunner().invoke(summary, ["--root", str(data.root)])
    assert result.exit_code == 1
    assert "pgan/metrics.json: expected metrics whose model is 'pgan', got 'baseline'" in result.output


def test_a_list_that_is_none_is_named(data: TinyData) -> None:
    document = YAML(typ="safe").load((PROJECT / "params.yaml").read_text())
    with open(data.root / "params.yaml", "w") as stream:
        YAML().dump(document | {"models": None}, stream)
    result = CliRunner().invoke(summary, ["--root", str(data.root)])
    assert result.exit_code == 1
    assert "params.yaml: models: expected a list of names, as [a, b], got None" in result.output
