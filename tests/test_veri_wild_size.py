import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_run import PROJECT

from benchmarks import veri_wild_size
from benchmarks.veri_wild_size import main, peak_megabytes

RUNTIME = ("--runtime", "threads=1", "--runtime", "map_workers=1")


def test_a_small_share_goes_through_every_step_and_each_has_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(veri_wild_size, "cost_of", veri_wild_size.timed)
    words = ["--folder", tmp_path / "run", "--share", 2e-4, "--dimensions", 4, "--parameters", PROJECT / "params.yaml"]
    result = CliRunner().invoke(main, [*map(str, words), *RUNTIME])
    assert result.exit_code == 0, result.output
    head, _, *lines = [line[2:-2].split(" | ") for line in result.stdout.splitlines() if line.startswith("|")]
    assert head[0].endswith(" images")
    assert [line[0] for line in lines] == ["`prepare`", "`grabcut`'s files", "random features", "`evaluate`"]
    assert all(float(line[3]) > 50 for line in lines)
    size = (tmp_path / "run/data/images/veri_wild.h5").stat().st_size
    assert float(lines[0][4]) == pytest.approx(size / 1e6, abs=0.005)


def test_memory_is_that_of_the_fresh_process_alone() -> None:
    ballast = b"\1" * 300_000_000
    assert veri_wild_size.cost_of(dict).megabytes < 300 < peak_megabytes()
    assert len(ballast) == 300_000_000


def child() -> None:
    with ProcessPoolExecutor(1) as pool:
        assert pool.submit(int).result() == 0


def test_a_step_may_have_processes_of_its_own() -> None:
    assert veri_wild_size.cost_of(child).seconds > 0


@pytest.mark.filterwarnings("ignore")
def test_the_command_has_its_work_done_on_ray_too(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the dependency group cluster is not installed")
    words = ["--folder", tmp_path, "--share", "2e-4", "--dimensions", "4", "--parameters", PROJECT / "params.yaml"]
    command = [sys.executable, "-m", "benchmarks.veri_wild_size", *words, *RUNTIME, "--runtime", "engine=ray"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| `grabcut`'s files |" in done.stdout
