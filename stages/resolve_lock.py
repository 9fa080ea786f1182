"""Resolves a conflict in `dvc.lock` while Git merges, rebases or cherry-picks.

Reads the three versions that Git keeps of it; writes and stages `dvc.lock`, and its outputs in Git, each whole as one
side has it: Git merges them by lines, which leaves figures that no run gave.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import click

from pipeline.sharing.lock_file import Side, merge_locks
from pipeline.store.files import atomic
from pipeline.store.places import Workspace
from stages.command import stage

LOCK = "dvc.lock"
VERSIONS = {"base": 1, "ours": 2, "theirs": 3}
"""Numbers of the versions that Git's index keeps of a file in conflict."""
THEIR_COMMIT = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD")
"""Names of the commit that Git takes in, by what is under way."""


@stage
@click.option(
    "--prefer",
    type=click.Choice(["ours", "theirs"]),
    default="ours",
    show_default=True,
    help="Whose result stands where both ran a stage; while rebasing, Git calls the branch rebased onto `ours`.",
)
def resolve_lock(workspace: Workspace, prefer: Side) -> None:
    """Keep what either side added to dvc.lock, where Git found a conflict."""
    root = workspace.root
    unmerged = set(_git(root, "diff", "--name-only", "--diff-filter=U", "--relative").splitlines())
    if LOCK not in unmerged:
        raise ValueError(f"{root / LOCK}: Git finds no conflict in it; a merge must be under way")
    texts = {side: _version(root, number) for side, number in VERSIONS.items()}
    merged = merge_locks(texts["base"], texts["ours"], texts["theirs"], prefer)
    with atomic(root / LOCK) as temporary:
        temporary.write_text(merged.text, encoding="utf-8")
    _git(root, "add", "--", LOCK)
    taken = _take_whole(root, merged.outputs)
    click.echo(f"{LOCK}: {len(merged.sides)} stages differed, kept by side; {len(taken)} outputs in Git taken likewise")
    if merged.clashing:
        click.echo(f"Both ran {', '.join(merged.clashing)}; {prefer} stands, and `dvc repro` runs what does not fit")
    if left := sorted(unmerged - {LOCK, *taken}):
        click.echo(f"Still in conflict: {', '.join(left)}")


def _take_whole(root: Path, outputs: Mapping[str, Side]) -> set[str]:
    """Stage the outputs in Git as the side has them whose lines of the lock stand; return those Git had otherwise."""
    git_folder = Path(_git(root, "rev-parse", "--absolute-git-dir").strip())
    theirs = next((name for name in THEIR_COMMIT if (git_folder / name).exists()), None)
    taken: set[str] = set()
    for side, commit in (("ours", "HEAD"), ("theirs", theirs)):
        paths = [path for path, of in outputs.items() if of == side]
        if not paths or commit is None:
            continue
        tracked = _git(root, "ls-tree", "-r", "-z", "--name-only", commit, "--", *paths).split("\0")[:-1]
        if not tracked:
            continue
        differing = _git(root, "diff", "-z", "--name-only", "--relative", commit, "--", *tracked).split("\0")[:-1]
        if differing:
            _git(root, "checkout", commit, "--", *differing)
        taken.update(differing)
    return taken


def _version(root: Path, number: int) -> str:
    """One version of the lock file; "" where a side has none."""
    listed = _git(root, "ls-files", "--unmerged", "--", LOCK).splitlines()
    numbers = {int(line.split("\t")[0].split()[2]) for line in listed}
    return _git(root, "show", f":{number}:./{LOCK}") if number in numbers else ""


def _git(root: Path, *words: str) -> str:
    """Run Git and return what it printed.

    Raises:
        RuntimeError: It failed; the message is Git's.
    """
    done = subprocess.run(["git", *words], cwd=root, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    resolve_lock()
