"""The two sides of a conflict in Git, whatever brought it about, each as a tree that Git can check out of."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

HEADS = {
    "MERGE_HEAD": "MERGE_HEAD",
    "CHERRY_PICK_HEAD": "CHERRY_PICK_HEAD",
    "REVERT_HEAD": "REVERT_HEAD^",
    "REBASE_HEAD": "REBASE_HEAD",
}
"""File in Git's folder while something is under way -> the commit that Git takes in by it."""
PATCH = "rebase-apply/patch"
"""File in Git's folder that holds the patch that `git am` applies."""
_CHANGED = re.compile(
    r"^diff --git a/(?P<path>.+) b/(?P=path)\n(?:(?!diff --git|index ).*\n)*?"
    r"index [0-9a-f]+\.\.(?P<blob>[0-9a-f]+)(?: (?P<mode>\d+))?$",
    re.MULTILINE,
)
"""A file in a patch, with what it becomes."""

Entries = Mapping[str, tuple[str, str]]
"""Path below the repository's top -> its mode and blob."""


def git(root: Path, *words: str, given: str | None = None, index: Path | None = None) -> str:
    """Run Git in a folder and return what it printed.

    Args:
        root: The folder.
        words: What it is asked.
        given: Its standard input.
        index: The index it uses; None for the repository's.

    Raises:
        RuntimeError: It failed, and the message is Git's, or is not installed.
    """
    environment = os.environ | ({} if index is None else {"GIT_INDEX_FILE": str(index)})
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, text=True, input=given, capture_output=True, check=False, env=environment
        )
    except FileNotFoundError as error:
        raise RuntimeError(f"{root}: Git is not installed, or there is no such folder") from error
    if done.returncode:
        raise RuntimeError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout


def unmerged(root: Path) -> dict[str, dict[int, tuple[str, str]]]:
    """Files in conflict below a folder: path below the repository's top -> number of the version -> mode and blob.

    The versions are those that Git's index keeps: 1, that both sides come from, 2, ours, and 3, theirs.

    Raises:
        ValueError: The folder is in no Git repository.
    """
    try:
        git(root, "rev-parse", "--show-toplevel")
    except RuntimeError as error:
        reason = str(error).partition("fatal: ")[2] or str(error)
        raise ValueError(f"{root}: expected a folder in a Git repository ({reason})") from error
    found: dict[str, dict[int, tuple[str, str]]] = {}
    for line in git(root, "ls-files", "--unmerged", "-z", "--full-name").split("\0")[:-1]:
        facts, _, path = line.partition("\t")
        mode, blob, number = facts.split()
        found.setdefault(path, {})[int(number)] = mode, blob
    return found


def our_tree(root: Path, conflicts: Mapping[str, Mapping[int, tuple[str, str]]]) -> str:
    """The side here: the commit, and of files in conflict what Git keeps of it.

    Args:
        root: A folder of the repository.
        conflicts: From `unmerged`.
    """
    return _tree(root, "HEAD", _versions(conflicts, 2))


def their_tree(root: Path, conflicts: Mapping[str, Mapping[int, tuple[str, str]]], known: str) -> str:
    """The side taken in, by a merge, rebase, cherry-pick or revert, `git am`, or `git stash`.

    Where no commit of it is there, as of a patch, the tree holds no more than what it changes or is in conflict.

    Args:
        root: A folder of the repository.
        conflicts: From `unmerged`.
        known: Path below the repository's top of a file in conflict, by which a stash is told.
    """
    folder = Path(git(root, "rev-parse", "--absolute-git-dir").strip())
    theirs = _versions(conflicts, 3)
    heads = [commit for file, commit in HEADS.items() if (folder / file).exists()]
    if heads:
        return _tree(root, heads[0], theirs)
    if (folder / PATCH).exists():
        text = (folder / PATCH).read_text(encoding="utf-8", errors="replace")
        return _tree(root, None, dict(_patched(root, text)) | theirs)
    stashed = (commit for commit in git(root, "stash", "list", "--format=%H").split() if known in theirs)
    of_stash = (commit for commit in stashed if _blob(root, f"{commit}:{known}") == theirs[known][1])
    return _tree(root, next(of_stash, None), theirs)


def _versions(conflicts: Mapping[str, Mapping[int, tuple[str, str]]], number: int) -> dict[str, tuple[str, str]]:
    return {path: versions[number] for path, versions in conflicts.items() if number in versions}


def _patched(root: Path, text: str) -> Iterable[tuple[str, tuple[str, str]]]:
    """What a patch makes of files, as far as Git has it, which has applied it to what it is of to find a conflict."""
    for found in _CHANGED.finditer(text):
        blob = _blob(root, f"{found['blob']}^{{blob}}")
        if blob is not None:
            yield found["path"], (found["mode"] or "100644", blob)


def _blob(root: Path, name: str) -> str | None:
    """Full name of a blob; None where there is no such."""
    try:
        return git(root, "rev-parse", "--verify", "--quiet", name).strip()
    except RuntimeError:
        return None


def _tree(root: Path, base: str | None, entries: Entries) -> str:
    """Name of a new tree: that of a commit, or an empty one, with some files as given."""
    with TemporaryDirectory() as folder:
        index = Path(folder, "index")
        git(root, "read-tree", *(["--empty"] if base is None else [base]), index=index)
        lines = "".join(f"{mode} {blob} 0\t{path}\0" for path, (mode, blob) in entries.items())
        git(root, "update-index", "-z", "--index-info", given=lines, index=index)
        return git(root, "write-tree", index=index).strip()
