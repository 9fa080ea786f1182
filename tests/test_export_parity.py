import re

import numpy as np
import pytest
from click.testing import CliRunner
from drawn_vehicles import TinyData

from benchmarks.export_parity import WARMUP, main, median_milliseconds

pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of torch's exporter and the quantiser


def test_every_file_of_a_model_has_a_line_with_its_mean_average_precision_beside_torchs(finished_run: TinyData) -> None:
    names = ["--dataset", "tiny", "--models", "pgan", "--images", "2", "--tolerance", "0.5"]
    result = CliRunner().invoke(main, ["--root", str(finished_run.root), *names])
    assert result.exit_code == 0, result.output
    head, _, *lines = [line[2:-2].split(" | ") for line in result.stdout.splitlines()]
    assert head[3] == "images beyond 0.5"
    assert [line[0] for line in lines] == ["`pgan`", "`pgan_int8`", "`pgan_from_images`", "`pgan_from_images_int8`"]
    plain = dict(zip(head, lines[0], strict=True))
    assert float(plain["greatest difference"]) < 1e-5
    assert plain["queries in the same order"] == "2 of 2"
    assert re.fullmatch(r"(0\.\d{4}|1\.0000) \(\1\)", plain["mAP (torch)"])
    assert all(re.fullmatch(r"\d+\.\d \(\d+\.\d\)", line[-1]) for line in lines)


def test_networks_are_timed_in_turn_once_they_are_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, order = [0.0], []

    def running(name: str, seconds: float) -> object:
        def run(inputs: dict[str, np.ndarray]) -> None:
            order.append(name)
            clock[0] += seconds if len(order) > 2 * WARMUP else 100.0

        return run

    monkeypatch.setattr("benchmarks.export_parity.time.perf_counter", lambda: clock[0])
    found = median_milliseconds([running("file", 0.25), running("torch", 0.5)], [{}] * 3)
    assert found == [250.0, 500.0]
    assert order[:4] == ["file", "torch", "file", "torch"]
