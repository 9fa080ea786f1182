import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.store.params import build
from pipeline.synthetic.fleet import FleetParams, draw_cameras, draw_fleet, synthesize
from stages.synthesize import synthesize as stage


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_workers(
    fleet: Path, tmp_path: Path, make_fleet: Callable[..., Path]
) -> None:
    assert digests(make_fleet(tmp_path / "again", workers=2)) == digests(fleet)


def test_another_seed_gives_other_pictures(fleet: Path, tmp_path: Path, make_fleet: Callable[..., Path]) -> None:
    other = make_fleet(tmp_path / "other", seed=6, train_vehicles=1, test_vehicles=1)
    pictures = {digest for name, digest in digests(other).items() if name.endswith(".jpg")}
    assert pictures.isdisjoint(digests(fleet).values())


def test_a_data_set_of_the_users_is_not_rendered_over(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("fleets: [synthetic]\n")
    (own := tmp_path / "data/raw/street/a.jpg").parent.mkdir(parents=True)
    own.touch()
    result = CliRunner().invoke(stage, ["--root", str(tmp_path), "--dataset", "street"])
    assert result.exit_code == 1
    assert "--dataset: expected one of fleets in" in result.output
    assert "synthetic; got 'street'" in result.output
    assert own.exists()


def test_an_older_data_set_is_replaced_and_nothing_else_is_left_behind(
    tmp_path: Path, make_fleet: Callable[..., Path]
) -> None:
    output = tmp_path / "synthetic"
    output.mkdir()
    (output / "stale.txt").write_text("old")
    make_fleet(output, train_vehicles=1, test_vehicles=1, images_per_vehicle=3)
    assert not (output / "stale.txt").exists()
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["synthetic"]


def test_a_failure_leaves_the_older_data_set_alone(tmp_path: Path, small: FleetParams) -> None:
    output = tmp_path / "synthetic"
    output.mkdir()
    (output / "kept.txt").write_text("kept")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(small, output, fail)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.rglob("[!.]*")] == ["synthetic", "kept.txt"]


def test_twins_share_shape_and_paint_and_differ_in_small_parts(small: FleetParams) -> None:
    fleet = draw_fleet(dataclasses.replace(small, train_vehicles=20, test_vehicles=20, twins_in_group=3))
    for first in fleet:
        for second in fleet:
            if first.vehicle_id < second.vehicle_id and first.twin_group == second.twin_group:
                assert (first.shape, first.styling) == (second.shape, second.styling)
                differing = [
                    field.name
                    for field in dataclasses.fields(first.details)
                    if getattr(first.details, field.name) != getattr(second.details, field.name)
                ]
                assert len(differing) >= 6
                assert first.details.signs != second.details.signs or first.details.rim != second.details.rim


def test_at_least_the_asked_share_of_each_split_has_a_twin_in_it(small: FleetParams) -> None:
    fleet = draw_fleet(dataclasses.replace(small, train_vehicles=30, test_vehicles=20, twins_in_group=3))
    for split in (fleet[:30], fleet[30:]):
        sizes = Counter(spec.twin_group for spec in split)
        assert sum(size for size in sizes.values() if size > 1) >= 0.6 * len(split)
    assert {spec.twin_group for spec in fleet[:30]}.isdisjoint(spec.twin_group for spec in fleet[30:])


def test_vehicles_do_not_change_when_more_of_them_are_drawn(small: FleetParams) -> None:
    few = draw_fleet(dataclasses.replace(small, test_vehicles=2, twin_share=0.0))
    many = draw_fleet(dataclasses.replace(small, test_vehicles=9, twin_share=0.0))
    assert many[: len(few)] == few


def test_cameras_hang_high_but_for_the_ones_at_street_level(small: FleetParams) -> None:
    drawn = draw_cameras(dataclasses.replace(small, cameras=10, low_cameras=3))
    assert [camera.is_low for camera in drawn] == [False] * 7 + [True] * 3
    assert all(10 <= camera.elevation[0] < camera.elevation[1] <= 37 for camera in drawn[:7])
    assert all(2 <= camera.elevation[0] < camera.elevation[1] <= 9 for camera in drawn[7:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cameras_per_vehicle": 9}, "cameras_per_vehicle must lie between 2 and cameras = 4, got 9"),
        ({"images_per_vehicle": 2}, "images_per_vehicle = 2 is fewer"),
        ({"query_per_vehicle": 4}, "query_per_vehicle must lie between 1 and cameras_per_vehicle = 3, got 4"),
        ({"low_cameras": 5}, "low_cameras must lie between 0 and cameras = 4, got 5"),
        ({"twins_in_group": 1}, "twins_in_group must be at least 2, got 1"),
    ],
)
def test_contradicting_sizes_are_refused(
    small: FleetParams, tmp_path: Path, changes: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        synthesize(dataclasses.replace(small, **changes), tmp_path / "out", lambda albums, total: albums)


@pytest.mark.parametrize("key", ["train_vehicles", "test_vehicles"])
def test_a_split_without_vehicles_is_refused(small: FleetParams, key: str) -> None:
    with pytest.raises(ValueError, match=rf"synthesize\.{key}: expected a number above 0, got 0"):
        build(FleetParams, dataclasses.asdict(small) | {key: 0}, "synthesize")
