import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from stages.resolve_lock import resolve_lock
from tests.sharing.test_lock_file import lock


def git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, text: str, digests: dict[str, str]) -> None:
    (folder / "dvc.lock").write_text(text)
    for name, digest in digests.items():
        (folder / "data").mkdir(exist_ok=True)
        (folder / "data" / f"{name}.json").write_text(digest)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "run")


@pytest.fixture
def merging(tmp_path: Path) -> Path:
    """A merge of two branches that both added a data set and drew the report."""
    (tmp_path / "params.yaml").write_text("{}\n")
    git(tmp_path, "init", "-qb", "main")
    commit(tmp_path, lock(report="1"), {"report": "1"})
    git(tmp_path, "checkout", "-qb", "other")
    commit(tmp_path, lock(vans="5", report="3"), {"vans": "5", "report": "3"})
    git(tmp_path, "checkout", "-q", "main")
    commit(tmp_path, lock(cars="4", report="2"), {"cars": "4", "report": "2"})
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "merge", "-q", "other")
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(resolve_lock, ["--root", str(folder), *words])


@pytest.mark.parametrize(("prefer", "report"), [("ours", "2"), ("theirs", "3")])
def test_a_conflict_is_resolved_by_keeping_both_and_git_can_commit(merging: Path, prefer: str, report: str) -> None:
    result = run(merging, "--prefer", prefer)
    assert result.exit_code == 0, result.output
    assert "Both ran report" in result.output
    assert "Still in conflict" not in result.output
    stages = YAML(typ="safe").load((merging / "dvc.lock").read_text())["stages"]
    assert {name: entry["outs"][0]["md5"] for name, entry in stages.items()} == {
        "cars": "4",
        "report": report,
        "vans": "5",
    }
    assert (merging / "data/report.json").read_text() == report
    git(merging, "commit", "-qm", "merge")


WAYS = {
    "merge": ["merge", "other"],
    "rebase": ["rebase", "main"],
    "rebase by mail": ["rebase", "--apply", "main"],
    "cherry-pick": ["cherry-pick", "other"],
    "revert": ["revert", "undone"],
    "am": ["am", "-3", "mail/0001-run.patch"],
    "stash": ["stash", "pop"],
}
"""How two branches come to be in conflict -> what Git is asked."""


def brought_into_conflict(
    folder: Path, way: str, old: dict[str, str], ours: dict[str, str], theirs: dict[str, str]
) -> None:
    """Let Git bring the two sides together, some way, and stop at the conflict."""
    (folder / "params.yaml").write_text("{}\n")
    git(folder, "init", "-qb", "main")
    commit(folder, lock(report="1"), old)
    git(folder, "checkout", "-qb", "other")
    commit(folder, lock(report="3"), theirs)
    if way == "am":
        git(folder, "format-patch", "-qo", "mail", "main")
    if way == "revert":  # what it goes back to is theirs
        commit(folder, lock(report="1"), old)
        git(folder, "tag", "undone")
    if way == "stash":
        git(folder, "reset", "-q", "--soft", "HEAD~1")
        git(folder, "stash")
    git(folder, "checkout", "-q", "other" if way == "revert" else "main")
    commit(folder, lock(report="2"), ours)
    if way.startswith("rebase"):  # Git calls the branch rebased onto `ours`
        git(folder, "checkout", "-q", "other")
    with pytest.raises(subprocess.CalledProcessError):
        git(folder, *WAYS[way])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefer", ["ours", "theirs"])
def test_an_output_that_git_merged_by_lines_is_taken_whole(tmp_path: Path, prefer: str, way: str) -> None:
    def figures(first: str, last: str) -> dict[str, str]:
        return {"report": "\n".join([first, *map(str, range(20)), last]) + "\n"}

    old, ours, theirs = figures("old", "old"), figures("ours", "old"), figures("old", "theirs")
    brought_into_conflict(tmp_path, way, old, ours, theirs)
    assert (tmp_path / "data/report.json").read_text() == figures("ours", "theirs")["report"]
    result = run(tmp_path, "--prefer", prefer)
    assert result.exit_code == 0, result.output
    expected = ours if prefer == "ours" else theirs
    assert (tmp_path / "data/report.json").read_text() == expected["report"]
    assert "1 outputs in Git taken likewise" in result.output
    git(tmp_path, "diff", "--exit-code")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefer", ["ours", "theirs"])
def test_an_output_in_conflict_is_taken_whole(tmp_path: Path, prefer: str, way: str) -> None:
    brought_into_conflict(tmp_path, way, {"report": "1"}, {"report": "2"}, {"report": "3"})
    result = run(tmp_path, "--prefer", prefer)
    assert result.exit_code == 0, result.output
    assert "Still in conflict" not in result.output
    assert (tmp_path / "data/report.json").read_text() == {"ours": "2", "theirs": "3"}[prefer]
    git(tmp_path, "diff", "--exit-code")


def test_a_workspace_below_the_repositorys_top_is_resolved_too(tmp_path: Path) -> None:
    (tmp_path / "above.txt").touch()
    (root := tmp_path / "run").mkdir()
    (root / "params.yaml").write_text("{}\n")
    git(tmp_path, "init", "-qb", "main")
    commit(root, lock(report="1"), {"report": "1"})
    git(tmp_path, "checkout", "-qb", "other")
    commit(root, lock(report="3"), {"report": "3"})
    git(tmp_path, "checkout", "-q", "main")
    commit(root, lock(report="2"), {"report": "2"})
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "merge", "-q", "other")
    result = run(root, "--prefer", "theirs")
    assert result.exit_code == 0, result.output
    assert (root / "data/report.json").read_text() == "3"
    assert "Still in conflict" not in result.output


def test_a_folder_outside_git_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "params.yaml").write_text("{}\n")
    result = run(tmp_path)
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: ValueError: {tmp_path}: expected a folder in a Git repository (not a git")
    assert len(result.output.splitlines()) == 1
    monkeypatch.setenv("PATH", "")
    assert "Git is not installed" in run(tmp_path).output


def test_other_files_in_conflict_are_left_and_named(merging: Path) -> None:
    git(merging, "merge", "--abort")
    for branch, value in (("other", "1"), ("main", "2")):
        git(merging, "checkout", "-q", branch)
        (merging / "notes.txt").write_text(value)
        git(merging, "add", ".")
        git(merging, "commit", "-qm", "notes")
    with pytest.raises(subprocess.CalledProcessError):
        git(merging, "merge", "-q", "other")
    assert "Still in conflict: notes.txt" in run(merging).output


def test_without_a_conflict_nothing_is_written(merging: Path) -> None:
    git(merging, "merge", "--abort")
    before = (merging / "dvc.lock").read_bytes()
    result = run(merging)
    assert result.exit_code == 1
    assert "Git finds no conflict" in result.output
    assert (merging / "dvc.lock").read_bytes() == before
