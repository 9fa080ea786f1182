"""Resolves a conflict in `dvc.lock` while Git merges, rebases, cherry-picks, applies mail or pops a stash.

Reads the three versions that Git keeps of it; writes and stages `dvc.lock`, and its outputs in Git, each whole as one
side has it: Git merges them by lines, which leaves figures that no run gave.
"""

from collections.abc import Mapping
from pathlib import Path

import click

from pipeline.sharing.git_sides import git, our_tree, their_tree, unmerged
from pipeline.sharing.lock_file import Side, merge_locks
from pipeline.store.files import atomic
from pipeline.store.places import Workspace
from stages.command import stage

LOCK = "dvc.lock"
VERSIONS = {"base": 1, "ours": 2, "theirs": 3}
"""Numbers of the versions that Git's index keeps of a file in conflict."""


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
    conflicts = unmerged(root)
    below = git(root, "rev-parse", "--show-prefix").strip()
    lock = conflicts.get(f"{below}{LOCK}")
    if lock is None:
        raise ValueError(f"{root / LOCK}: Git finds no conflict in it; a merge must be under way")
    texts = {side: _text(root, lock.get(number)) for side, number in VERSIONS.items()}
    merged = merge_locks(texts["base"], texts["ours"], texts["theirs"], prefer)
    trees: dict[Side, str] = {
        "ours": our_tree(root, conflicts),
        "theirs": their_tree(root, conflicts, f"{below}{LOCK}"),
    }
    taken = _take_whole(root, merged.outputs, trees)
    with atomic(root / LOCK) as temporary:
        temporary.write_text(merged.text, encoding="utf-8")
    git(root, "add", "--", LOCK)  # last: as long as the lock is in conflict, this can be run again
    click.echo(f"{LOCK}: {len(merged.sides)} stages differed, kept by side; {len(taken)} outputs in Git taken likewise")
    if merged.clashing:
        click.echo(f"Both ran {', '.join(merged.clashing)}; {prefer} stands, and `dvc repro` runs what does not fit")
    if left := sorted({path.removeprefix(below) for path in conflicts} - {LOCK, *taken}):
        click.echo(f"Still in conflict: {', '.join(left)}")


def _take_whole(root: Path, outputs: Mapping[str, Side], trees: Mapping[Side, str]) -> set[str]:
    """Stage the outputs in Git as the side has them whose lines of the lock stand; return those Git had otherwise."""
    taken: set[str] = set()
    for side, tree in trees.items():
        paths = [path for path, of in outputs.items() if of == side]
        if not paths:
            continue
        tracked = git(root, "ls-tree", "-r", "-z", "--name-only", tree, "--", *paths).split("\0")[:-1]
        if not tracked:
            continue
        differing = git(root, "diff", "-z", "--name-only", "--relative", tree, "--", *tracked).split("\0")[:-1]
        if differing:
            git(root, "checkout", tree, "--", *differing)
        taken.update(differing)
    return taken


def _text(root: Path, version: tuple[str, str] | None) -> str:
    """One version of the lock file; "" where a side has none."""
    return "" if version is None else git(root, "cat-file", "blob", version[1])


if __name__ == "__main__":
    resolve_lock()
