import os
import time
from pathlib import Path

from click.testing import CliRunner

from stages.clean import clean


def leave(root: Path, name: str, size: int, days: float) -> Path:
    folder = root / ".scratch" / name
    folder.mkdir(parents=True)
    (folder / "checkpoint.safetensors").write_bytes(b"x" * size)
    then = time.time() - days * 86_400
    for path in (folder / "checkpoint.safetensors", folder):
        os.utime(path, (then, then))
    return folder


def test_what_was_given_up_is_listed_and_freed_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("report: {}\n")
    old = leave(tmp_path, "train_reid/aaa", 3_000_000, 5)
    new = leave(tmp_path, "train_reid/bbb", 100, 0)
    result = leave(tmp_path, "ablations/fleet", 100, 50)
    listed = CliRunner().invoke(clean, ["--root", str(tmp_path)])
    assert listed.exit_code == 0
    assert f"{old}  3.0 MB, 5.0 days old" in listed.output
    assert str(new) not in listed.output
    assert old.exists()
    freed = CliRunner().invoke(clean, ["--root", str(tmp_path), "--free"])
    assert "1 folder, 3.0 MB freed" in freed.output
    assert [folder.exists() for folder in (old, new, result)] == [False, True, True]
    everything = CliRunner().invoke(clean, ["--root", str(tmp_path), "--older-than", "0", "--free"])
    assert everything.exit_code == 0
    assert [folder.exists() for folder in (new, result)] == [False, True]
