"""Images are added to a data set whose caches are there."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from drawn_vehicles import ROWS, TinyData, true_parts
from tiny_run import run_stage, write_params

from benchmarks.added_images import train_anew
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.foreground import trained_on as foreground_network
from pipeline.maps import job
from pipeline.reid import build
from pipeline.store.places import PLACES
from stages.detect_parts import detect_parts
from stages.embed import embed
from stages.grabcut import grabcut
from stages.mapping import former_version
from stages.predict_foreground import predict_foreground
from stages.predict_part_masks import predict_part_masks

ADDED = 5
"""The row whose image is added later: one of the gallery, between others."""
STAGES = {
    grabcut: ("grabcut", ""),
    predict_foreground: ("foreground", ""),
    detect_parts: ("parts", ""),
    predict_part_masks: ("part_masks", ""),
    embed: ("features", "pgan"),
}
"""Map stage -> the cache it writes, and its model; each reads what those before it wrote."""
KINDS = [(kind, model) for kind, model in STAGES.values()] + [("attention", "pgan")]


def prepare(data: TinyData, rows: list[int]) -> None:
    """Write the image store of some of the rows."""
    records = []
    for row in rows:
        vehicle, camera, split, viewpoint = ROWS[row]
        groups = {"type": "sedan" if vehicle < "0003" else "van"}
        name = f"{vehicle}_{camera}_{row}.png"
        records.append(ImageRecord(name, split, vehicle, camera, viewpoint, groups, true_parts()))
    write_store(data.path("images"), records, data.path("raw"), ImageLimitsParams(10_000, 8, "stop"), "tiny")


def fresh(finished_run: TinyData, folder: Path) -> TinyData:
    """A workspace with every network, in which nothing says what its caches are of."""
    data = finished_run.copy(folder)
    shutil.rmtree(data.root / "data/rows")
    return data


def run(data: TinyData, patch: pytest.MonkeyPatch) -> dict[str, int]:
    """Run every map stage, trainings between them; how many rows each computed."""
    computed: dict[str, int] = {}
    original = job.keep
    for stage, (kind, model) in STAGES.items():
        computed[kind] = 0

        def counting(folder: Path, keys: Any, found: Any, kind: str = kind) -> None:
            computed[kind] += len(keys)
            original(folder, keys, found)

        patch.setattr(job, "keep", counting)
        if stage is predict_foreground:
            train_anew(data.workspace(model), "foreground_network", foreground_network.KIND)
        if stage is embed:
            train_anew(data.workspace(model), "reid", build.KIND)
        run_stage(stage, data.root, model=model)
    patch.setattr(job, "keep", original)
    return computed


def written(data: TinyData) -> dict[str, bytes]:
    """Bytes of every cache and index."""
    kinds = [*KINDS, *[(f"{kind}_rows", model) for kind, model in STAGES.values()]]
    return {kind: data.path(kind, model).read_bytes() for kind, model in kinds}


@pytest.fixture
def full(finished_run: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyData:
    """All images, computed at once."""
    data = fresh(finished_run, tmp_path / "full")
    assert set(run(data, monkeypatch).values()) == {len(ROWS), 4}
    return data


def before(finished_run: TinyData, folder: Path, patch: pytest.MonkeyPatch) -> TinyData:
    """The same without one image."""
    data = fresh(finished_run, folder)
    prepare(data, [row for row in range(len(ROWS)) if row != ADDED])
    run(data, patch)
    return data


def test_added_images_alone_are_computed_and_every_byte_is_as_of_a_full_run(
    full: TinyData, finished_run: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = before(finished_run, tmp_path / "added", monkeypatch)
    prepare(data, list(range(len(ROWS))))
    assert set(run(data, monkeypatch).values()) == {1}
    assert written(data) == written(full)


def test_what_another_workspace_has_is_taken_where_it_is_named(
    full: TinyData, finished_run: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(finished_run, tmp_path / "other", monkeypatch)
    data = fresh(finished_run, tmp_path / "fresh")
    write_params(data.root, {"reuse": ["../other"]})
    assert set(run(data, monkeypatch).values()) == {1}
    assert written(data) == written(full)
    write_params(data.root, {"reuse": ["../nowhere"]})
    with pytest.raises(AssertionError, match=r"runtime\.reuse: .*nowhere: no such folder"):
        run_stage(grabcut, data.root)


def hand_to_dvc(data: TinyData) -> None:
    """Move every cache and index to DVC's cache, as DVC has them while it runs their stages again."""
    lock = ["schema: '2.0'", "stages:"]
    for number, (kind, model) in enumerate([*KINDS, *[(f"{kind}_rows", model) for kind, model in STAGES.values()]]):
        path = data.path(kind, model)
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        place = data.root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
        name = path.relative_to(data.root).as_posix()
        lock += [f"  stage{number}:", "    cmd: x", "    outs:", f"    - path: {name}", f"      md5: {digest}"]
    (data.root / "dvc.lock").write_text("\n".join(lock) + "\n")


def test_the_former_version_is_found_in_dvcs_cache(
    full: TinyData, finished_run: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("dvc")
    data = before(finished_run, tmp_path / "added", monkeypatch)
    hand_to_dvc(data)
    prepare(data, list(range(len(ROWS))))
    assert set(run(data, monkeypatch).values()) == {1}
    assert written(data) == written(full)


def test_without_dvc_or_its_copy_there_is_no_former_version(tmp_path: Path) -> None:
    files = {"foreground": tmp_path / PLACES["foreground"].pattern.format(dataset="tiny")}
    assert former_version(tmp_path, files) == []
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\nstages:\n  a:\n    cmd: x\n    deps: []\n")
    assert former_version(tmp_path, files) == []
