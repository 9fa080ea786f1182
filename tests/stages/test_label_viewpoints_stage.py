import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from drawn_vehicles import TinyData

from pipeline.store.params import read
from stages.label_viewpoints import label_viewpoints

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def params_path(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    document = {"prepare": read(REPOSITORY / "params.yaml")["prepare"], "overrides": {"tiny": {}}}
    path.write_text(json.dumps(document))
    return path


def options(params_path: Path, tiny_data: TinyData) -> list[str]:
    output = params_path.with_name("labels.csv")
    named = {"dataset": "tiny", "images": tiny_data.path("images"), "output": output, "params": params_path, "port": 0}
    return ["--no-browser", *(text for name, value in named.items() for text in (f"--{name}", str(value)))]


def test_a_sitting_labels_over_http_and_ends_with_a_count(params_path: Path, tiny_data: TinyData) -> None:
    command = [sys.executable, "-u", "-m", "stages.label_viewpoints", *options(params_path, tiny_data)]
    program = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        announced = program.stdout.readline()
        assert announced.startswith("tiny: 4 images -> ")
        port = re.search(r"http://127\.0\.0\.1:(\d+)/", announced)
        assert port is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=10)
        body = json.dumps({"image": "0001_c1_0.png", "viewpoint": "side"})
        connection.request("POST", "/label", body, {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
        connection.close()
        params_path.write_text("edited: meanwhile\n")
    finally:
        program.send_signal(signal.SIGINT)
        output, errors = program.communicate(timeout=20)
    assert (program.returncode, errors) == (0, "")
    assert output.strip().startswith(f"tiny: 1 labelled, 0 unclear -> {params_path.with_name('labels.csv')}")
    assert params_path.with_name("labels.csv").read_text() == "image,viewpoint\n0001_c1_0.png,side\n"


def test_a_csv_of_another_shape_is_refused_in_one_line(params_path: Path, tiny_data: TinyData) -> None:
    params_path.with_name("labels.csv").write_text("image,viewpoint\na,top\n")
    result = CliRunner().invoke(label_viewpoints, options(params_path, tiny_data))
    assert result.exit_code == 1
    assert "labels.csv, line 2, column viewpoint: expected one of front" in result.output
    assert result.output.count("\n") == 1


def test_an_image_store_that_is_asked_for_must_exist(params_path: Path, tiny_data: TinyData) -> None:
    arguments = [*options(params_path, tiny_data), "--images", "absent.h5"]
    result = CliRunner().invoke(label_viewpoints, arguments)
    assert result.exit_code == 2
    assert "absent.h5" in result.output


def test_a_data_set_that_is_nowhere_is_named(
    params_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["--dataset", "tiny", "--output", "labels.csv", "--no-browser", "--params", str(params_path)]
    result = CliRunner().invoke(label_viewpoints, arguments)
    assert result.exit_code == 1
    assert "data/raw/tiny: no such folder" in result.output
