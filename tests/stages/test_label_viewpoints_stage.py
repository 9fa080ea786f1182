import http.client
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from drawn_vehicles import TinyData, rewrite_cache
from tiny_run import PROJECT, invoke

from pipeline.store.params import read
from stages.label_viewpoints import label_viewpoints


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    (tmp_path / "params.yaml").write_text(json.dumps({"prepare": read(PROJECT / "params.yaml")["prepare"]}))
    return tiny_data.copy(tmp_path)


def test_a_sitting_labels_over_http_and_ends_with_a_count(data: TinyData) -> None:
    output = data.root / "labels.csv"
    options = ["--dataset", "tiny", "--root", data.root, "--output", output, "--port", "0", "--no-browser"]
    command = [sys.executable, "-u", "-m", "stages.label_viewpoints", *map(str, options)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=PROJECT, text=True, **pipes) as program:
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
            (data.root / "params.yaml").write_text("edited: meanwhile\n")
            program.send_signal(signal.SIGINT)
            printed, errors = program.communicate(timeout=60)
        finally:
            program.kill()
    assert (program.returncode, errors) == (0, "")
    assert printed.strip().startswith(f"tiny: 1 labelled, 0 unclear -> {output}")
    assert output.read_text() == "image,viewpoint\n0001_c1_0.png,side\n"


def test_a_csv_of_another_shape_beside_the_images_is_refused_in_one_line(data: TinyData) -> None:
    (data.path("raw") / "viewpoints.csv").write_text("image,viewpoint\na,top\n")
    result = invoke(label_viewpoints, data.root, "--no-browser")
    assert result.exit_code == 1
    assert "raw/tiny/viewpoints.csv, line 2, column viewpoint: expected one of front" in result.output
    assert result.output.count("\n") == 1


def test_an_image_store_of_another_data_set_is_refused_in_one_line(data: TinyData) -> None:
    rewrite_cache(data.path("images"), data.path("images"), {"made_for": "other"})
    result = invoke(label_viewpoints, data.root, "--no-browser")
    assert result.exit_code == 1
    assert "images/tiny.h5: expected a file made for 'tiny', got one for 'other'" in result.output
    assert result.output.count("\n") == 1


def test_without_an_image_store_the_folder_of_the_data_set_is_read(data: TinyData) -> None:
    data.path("images").unlink()
    result = invoke(label_viewpoints, data.root, "--no-browser")
    assert result.exit_code == 1
    assert "data/raw/tiny/test_label.xml" in result.output


def test_a_data_set_that_is_nowhere_is_named(data: TinyData) -> None:
    result = invoke(label_viewpoints, data.root, "--no-browser", dataset="nowhere")
    assert result.exit_code == 1
    assert "data/raw/nowhere: no such folder" in result.output
