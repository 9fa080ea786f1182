"""Runs every stage of a miniature run in processes that are killed, have no room or no memory, or may not write."""

import ctypes
import importlib
import os
import resource
import signal
import struct
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from benchmarks.miniature import TINY
from benchmarks.reliability.cases import Case
from benchmarks.reliability.processes import Ended, in_process
from pipeline.store import files, params
from pipeline.store.places import PLACES, SCRATCH, Workspace

PROJECT = Path(__file__).parents[2]
DATASET, MODEL = "miniature", "pgan"
FLEET = {
    **{"train_vehicles": 4, "test_vehicles": 3, "images_per_vehicle": 4, "query_per_vehicle": 1, "cameras": 4},
    **{"low_cameras": 1, "cameras_per_vehicle": 3, "shortest_long_side": 80, "longest_long_side": 110, "workers": 1},
}
STAGES = (
    *("resolve_params", "synthesize", "prepare", "grabcut", "train_foreground", "predict_foreground"),
    *("train_detector", "detect_parts", "train_span", "predict_part_masks", "evaluate_artifacts"),
    *("train_reid", "embed", "evaluate", "report"),
)
"""In the order they run."""
MOMENTS = ("before", "while", "after")
"""When a stage is killed: before its first output is begun, with half of it written (of a folder: all, but not yet in
place), or once it stands."""
MEGABYTE = 1 << 20
CAPABILITIES = 0x20080522
"""Version of Linux's sets of capabilities, see capset(2)."""
OVERRIDE = 1
"""Number of the capability that lets root write whatever permissions say."""


def _nothing() -> None:
    """Leave a process as it is."""


class Stage(NamedTuple):
    """A stage of a run.

    Attributes:
        name: Its name.
        workspace: Seen from its data set and model.
    """

    name: str
    workspace: Workspace

    def run(self, prepare: Callable[[], None] = _nothing) -> Ended:
        """Run it in a process of its own.

        Args:
            prepare: What that process does first, picklable.
        """
        return in_process(partial(_run, self, prepare), self.workspace.root / f".{self.name}.log")

    def content(self) -> dict[str, bytes]:
        """Path below the root -> bytes, of every file at its outputs' places."""
        places = [self.workspace.path(name) for name, place in PLACES.items() if place.stage == self.name]
        found = [file for place in places for file in (place, *place.rglob("*")) if file.is_file()]
        shown = {file.relative_to(self.workspace.root).as_posix(): file for file in found}
        return {name: file.read_bytes() for name, file in sorted(shown.items()) if "/." not in name}

    def forget(self) -> None:
        """Delete its outputs, as DVC does before it runs a stage."""
        for name in self.content():
            (self.workspace.root / name).unlink()


def _run(stage: Stage, prepare: Callable[[], None]) -> None:
    """Run a stage in this process."""
    command = getattr(importlib.import_module(f"stages.{stage.name}"), stage.name)
    workspace = stage.workspace
    names = {"--root": str(workspace.root), "--dataset": workspace.dataset, "--model": workspace.model}
    known = {option for parameter in command.params for option in parameter.opts}
    prepare()
    command.main([word for option, value in names.items() if option in known for word in (option, value)])


def write_miniature(root: Path) -> None:
    """Write the parameters of a run of all `STAGES` within a minute, on a fleet of seven vehicles."""
    document = params.read(PROJECT / "params.yaml")
    document |= {"datasets": [DATASET], "fleets": [DATASET], "models": [MODEL]}
    document["runtime"] |= {"threads": 1, "accelerator": "cpu", "map_workers": 1}
    for stage in ("train_detector", "train_span"):
        document[stage]["dataset"] = DATASET
    own = {"synthesize": FLEET, "prepare": document["overrides"]["synthetic"]["prepare"]}
    document["overrides"][DATASET] = {name: values for name, values in TINY.items() if name != "evaluate"} | own
    with open(root / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)


def strike(root: Path, moment: str) -> None:
    """Let this process be killed by SIGKILL at a moment of its first output below a root."""

    def hit(path: Path) -> bool:
        place = Path(os.path.relpath(path, root)).parts
        return place[0] in ("data", "models")

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def full(source: Any, target: Any) -> None:
        if hit(Path(target)) and Path(source).is_dir():  # of whose files none need be synchronised
            kill()
        replace(source, target)

    exclusive, fsync, replace = files._exclusive, os.fsync, os.replace

    def before(path: Path) -> Any:
        return kill() if hit(path) else exclusive(path)

    def halfway(number: int) -> None:
        if hit(Path(os.readlink(f"/proc/self/fd/{number}"))):
            os.ftruncate(number, os.fstat(number).st_size // 2)
            kill()
        fsync(number)

    def after(source: Any, target: Any) -> None:
        replace(source, target)
        if hit(Path(target)) and "/." not in os.path.relpath(target, root):
            kill()

    if moment == "before":
        files._exclusive = before
    elif moment == "while":
        os.fsync = halfway  # type: ignore[assignment]
        os.replace = full  # type: ignore[assignment]
    else:
        os.replace = after  # type: ignore[assignment]


def is_killed_and_goes_on(stage: Stage, moment: str, straight: dict[str, bytes]) -> bool:
    """Whether a stage that is killed leaves no partial file, and gives the uninterrupted bytes when run again."""
    stage.forget()
    ended = stage.run(partial(strike, stage.workspace.root, moment))
    left = stage.content()
    whole = all(straight.get(name) == content for name, content in left.items())
    again = stage.run()
    return ended.status == -signal.SIGKILL and whole and again.status == 0 and stage.content() == straight


def is_refused(stage: Stage, limit: Callable[[], None], straight: dict[str, bytes], named: bool = True) -> bool:
    """Whether a stage that cannot go on says so in an error, leaves no partial file, and works when it can again.

    Args:
        stage: It has run.
        limit: What makes it fail, picklable.
        straight: Its uninterrupted bytes.
        named: Whether the error must name a file of the run; if not, it may as well end well.
    """
    stage.forget()
    ended = stage.run(limit)
    whole = all(straight.get(name) == content for name, content in stage.content().items())
    said = ended.in_words and str(stage.workspace.root) in ended.said if named else ended.in_words or ended.status == 0
    again = stage.run()
    return said and whole and again.status == 0 and stage.content() == straight


def no_room(size: int) -> None:
    """Let no file of this process become larger than some bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def no_memory() -> None:
    """Leave this process 8 MB of address space, as `ulimit -v` does."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    size = pages * resource.getpagesize() + 8 * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def read_only(root: Path) -> None:
    """Take away the right to write below a root from this process, though it be root's."""
    for folder in (root / "data", root / "models", *(root / "data").rglob("*"), *(root / "models").rglob("*")):
        if folder.is_dir():
            folder.chmod(0o555)
    let_permissions_bind()


def let_permissions_bind() -> None:
    """Let permissions of files bind this process, if it is root's, as they bind their owner.

    Another user, as nobody, might not even reach the interpreter's own modules, which are imported when first needed.

    Raises:
        OSError: The system does not allow it.
    """
    system = ctypes.CDLL(None, use_errno=True)
    header, sets = struct.pack("Ii", CAPABILITIES, 0), ctypes.create_string_buffer(24)
    if system.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    effective, *others = struct.unpack("6I", sets.raw)
    if system.capset(header, struct.pack("6I", effective & ~(1 << OVERRIDE), *others)):
        raise OSError(ctypes.get_errno(), "capset")


def writable(root: Path) -> None:
    """Undo `read_only`."""
    for folder in sorted(path for path in root.rglob("*") if path.is_dir()):
        folder.chmod(0o755)


def is_read_only_and_refused(stage: Stage, straight: dict[str, bytes]) -> bool:
    """Whether a stage that may not write says so in an error that names a file."""
    root = stage.workspace.root
    stage.forget()
    ended = stage.run(partial(read_only, root))
    writable(root)
    named = any(str(root / place) in ended.said for place in ("data", "models", SCRATCH))
    again = stage.run()
    return ended.in_words and named and again.status == 0 and stage.content() == straight


def half(straight: dict[str, bytes]) -> int:
    """Half of the bytes of a stage's largest output."""
    return max(map(len, straight.values())) // 2


def trials(root: Path, tried: Collection[str] = STAGES) -> Iterator[Case]:
    """Everything tried on stages of a miniature run; to be tried one after the other.

    Args:
        root: An empty folder.
        tried: Names of stages; those before them only run.

    Raises:
        RuntimeError: A stage does not run at all.
    """
    write_miniature(root)
    for name in STAGES[: 1 + max(map(STAGES.index, tried))]:
        stage = Stage(name, Workspace(root, DATASET, MODEL, root / "params.yaml"))
        if (ended := stage.run()).status != 0:
            raise RuntimeError(f"{name}: {ended.said}")
        if name in tried:
            yield from trials_of(stage)


def trials_of(stage: Stage) -> Iterator[Case]:
    """Everything tried on a stage that has run; to be tried one after the other."""
    straight = stage.content()
    refused = partial(is_refused, stage, straight=straight)
    for moment in MOMENTS:
        yield Case(f"killed {moment} writing", stage.name, partial(is_killed_and_goes_on, stage, moment, straight))
    yield Case("disk full", stage.name, partial(refused, partial(no_room, half(straight))))
    yield Case("out of memory (`ulimit -v`)", stage.name, partial(refused, no_memory, named=False))
    yield Case("read-only folder of outputs", stage.name, partial(is_read_only_and_refused, stage, straight))
