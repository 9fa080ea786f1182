"""From whole frames to tracks found again: several rendered vehicles a frame, boxes, tracks, two cameras."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from drawn_vehicles import TinyData
from numpy.typing import NDArray
from tiny_run import TINY, invoke, run_stage, write_overrides, write_params

from pipeline.store.decoding import decode, decode_labels
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from pipeline.synthetic import fleet, picture
from pipeline.synthetic.fleet import FleetParams
from pipeline.synthetic.vehicle import build
from stages.embed_across import embed_across
from stages.evaluate_across import evaluate_across
from stages.prepare import prepare
from tests.datasets.miniatures import write_lines

FLEET = FleetParams(
    seed=5,
    train_vehicles=3,
    test_vehicles=1,
    images_per_vehicle=2,
    query_per_vehicle=1,
    cameras=2,
    low_cameras=0,
    cameras_per_vehicle=2,
    shortest_long_side=120,
    longest_long_side=140,
    twin_share=0.0,
    twins_in_group=2,
    workers=1,
)
FRAMES = 3
PLACES = ((10, 10), (190, 60), (360, 20))
"""Where the vehicles drive, pixels: left and top of each one's picture on the first frame."""


def film(folder: Path, camera: int) -> None:
    """Write frames of three vehicles that pass one camera, and their boxes and tracks."""
    (folder / "img").mkdir(parents=True)
    vehicles = [build(spec) for spec in fleet.draw_fleet(FLEET)[:3]]
    lines = []
    for number in range(1, FRAMES + 1):
        frame = np.full((240, 560, 3), 110, np.uint8)
        for track, (vehicle, (left, top)) in enumerate(zip(vehicles, PLACES, strict=True), 1):
            generator = np.random.default_rng([camera, number, track])
            taken = picture.take(vehicle, fleet.draw_cameras(FLEET)[camera], 40.0 + 6 * number, [], generator)
            image, shown = decode(taken.jpeg), decode_labels(taken.labels) > 0
            x, y = left + 8 * number, top + 4 * number
            frame[y : y + image.shape[0], x : x + image.shape[1]] = image
            lines.append(f"{number},{track},{box(shown, x, y)},1,-1,-1,-1")
        assert cv2.imwrite(str(folder / f"img/{number:06d}.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    write_lines(folder / "gt.txt", lines)


def box(shown: NDArray[np.bool_], x: int, y: int) -> str:
    """Left, top, width and height of the pixels of a vehicle, moved to its place."""
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    return f"{x + columns[0]},{y + rows[0]},{columns[-1] - columns[0] + 1},{rows[-1] - rows[0] + 1}"


def test_tracks_of_rendered_frames_are_found_again_by_another_camera(finished_run: TinyData, tmp_path: Path) -> None:
    filmed = TinyData(tmp_path, "filmed")
    sequences: dict[str, Any] = {}
    for camera, name in enumerate(("gate", "ramp")):
        film(filmed.path("raw") / name, camera)
        files = {"pictures": f"{name}/img", "boxes": f"{name}/gt.txt", "format": "mot"}
        sequences[name] = {**files, "camera": name, "use": "both"}
    frames = {"adapter": "frames", "frames": {"vehicle": "track", "sequences": sequences}}
    write_params(tmp_path, dataset="filmed", prepare=frames, evaluate={"group_by": None, "tracks": "track"})
    write_overrides(tmp_path, {"tiny": TINY})
    shutil.copytree(finished_run.root / "models", tmp_path / "models")
    run_stage(prepare, tmp_path, dataset="filmed")
    store = ImageStore(filmed.path("images"))
    assert (len(store), len(set(store.groups["track"].tolist()))) == (2 * 3 * FRAMES, 6)
    for stage in (embed_across, evaluate_across):
        result = invoke(stage, tmp_path, "--trained-on", "tiny", dataset="filmed", model="baseline")
        assert result.exit_code == 0, result.output
    here = Workspace(tmp_path, "filmed", "baseline", trained_on="tiny")
    metrics = json.loads(here.path("metrics_across").read_text())
    tracks = metrics["tracks"]
    assert (tracks["track_to_track"]["queries"], tracks["track_to_track"]["gallery"]) == (6, 6)
    assert tracks["image_to_track"]["queries"] == 18
    assert tracks["track_to_track"]["mAP"] >= metrics["mAP"]
    assert "track to track" in result.output
