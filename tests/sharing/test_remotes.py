"""Parts and masks go to a remote and come back, on servers that the tests start."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawn_vehicles import TinyData
from miniature import run

from tests.sharing.servers import REMOTES, Remote

STAGES = {"detect_parts": "parts", "predict_part_masks": "part_masks", "embed": "features/tiny"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", metafunc.config.getoption("--remotes").split(","))


@pytest.fixture
def remote(kind: str, tmp_path: Path) -> Iterator[Remote]:
    (folder := tmp_path / "server").mkdir()
    with REMOTES[kind](folder) as remote:
        yield remote


def author(finished: TinyData, folder: Path) -> list[str]:
    """A repository whose stages have made the caches of a finished run; returns their paths, embeddings last."""
    run(["git", "init", "-q"], folder)
    run(["dvc", "init", "-q"], folder)
    lines, paths = ["stages:"], []
    for stage, kind in STAGES.items():
        path = f"data/{kind}/baseline.h5" if stage == "embed" else f"data/{kind}/tiny.h5"
        (folder / path).parent.mkdir(parents=True)
        shutil.copy(finished.root / path, folder / path)
        lines += [f"  {stage}:", "    cmd: exit 1", f"    outs: [{path}]"]
        paths.append(path)
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")
    run(["dvc", "commit", "-f", "-q"], folder)
    return paths


def use(remote: Remote, folder: Path) -> None:
    run(["dvc", "remote", "add", "-d", "team", remote.url], folder)
    for option, value in remote.options.items():
        run(["dvc", "remote", "modify", "--local", "team", option, value], folder)


def test_a_colleague_pulls_exactly_parts_and_masks_byte_for_byte(
    remote: Remote, finished_run: TinyData, tmp_path: Path
) -> None:
    for name in ("author", "colleague"):
        (tmp_path / name).mkdir()
    *shared, features = author(finished_run, tmp_path / "author")
    use(remote, tmp_path / "author")
    run(["dvc", "push", "-q"], tmp_path / "author")
    run(["git", "init", "-q"], tmp_path / "colleague")
    run(["dvc", "init", "-q"], tmp_path / "colleague")
    for name in ("dvc.yaml", "dvc.lock"):
        shutil.copy(tmp_path / "author" / name, tmp_path / "colleague")
    use(remote, tmp_path / "colleague")
    run(["dvc", "pull", "-q", "detect_parts", "predict_part_masks"], tmp_path / "colleague")
    for path in shared:
        assert (tmp_path / "colleague" / path).read_bytes() == (finished_run.root / path).read_bytes()
    assert not (tmp_path / "colleague" / features).exists()
    run(["dvc", "pull", "-q"], tmp_path / "colleague")
    assert "in sync" in run(["dvc", "status", "-c"], tmp_path / "colleague")
    assert "didn't change" in run(["dvc", "repro"], tmp_path / "colleague")
