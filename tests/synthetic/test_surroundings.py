import dataclasses

import numpy as np
import pytest

from pipeline.synthetic import occluders, scene
from pipeline.synthetic.backdrop import KINDS, Plane, draw_plane, sample_planes
from pipeline.synthetic.cameras import _look, sample_cameras
from pipeline.synthetic.development import develop
from pipeline.synthetic.light import sample_light
from pipeline.synthetic.noise import SIDE, noise, tile
from pipeline.synthetic.occluders import CHANCES, draw_occluders
from pipeline.synthetic.view import View

SEEDS = range(12)


def view_from(x: float, height: float = 1.6) -> View:
    """Eight metres off, looking at the middle of the scene along the x axis."""
    eye = np.array([x, 0.0, height])
    return View(eye, _look(eye, np.array([0.0, 0.0, 0.8]), 0.0), 0.3, (60, 40))


def test_rays_are_unit_vectors_and_the_middle_one_looks_at_the_target() -> None:
    view = view_from(8.0)
    np.testing.assert_allclose(np.linalg.norm(view.rays, axis=-1), 1, atol=1e-5)
    middle = view.rays[19:21, 29:31].mean((0, 1))
    target = np.array([0.0, 0.0, 0.8]) - view.eye
    np.testing.assert_allclose(middle, target / np.linalg.norm(target), atol=1e-3)


def test_noise_repeats_after_a_tile_and_has_the_deviation_it_promises() -> None:
    x, y = np.meshgrid(np.arange(40) / 10, np.arange(30) / 10)
    np.testing.assert_array_equal(noise(6, x, y, 8), noise(6, x + SIDE / 8, y - SIDE / 8, 8))
    assert tile(24).std() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_road", [True, False])
def test_any_surroundings_are_finite_light_with_sky_above_ground(seed: int, is_road: bool) -> None:
    place = scene.sample_scene(np.random.default_rng(seed), is_road)
    shadow = np.ones((int(2 * scene.SHADOW_REACH * scene.SHADOW_SCALE),) * 2, np.float32)
    light = scene.paint(place, view_from(8.0), shadow)
    assert light.shape == (40, 60, 3)
    assert np.isfinite(light).all()
    assert (light >= 0).all()


def test_planes_are_sorted_so_that_near_ones_cover_far_ones() -> None:
    for seed in SEEDS:
        planes = sample_planes(np.random.default_rng(seed), seed % 2 == 0, (-6.0, 6.0))
        distances = [plane.distance for plane in planes]
        assert distances == sorted(distances, reverse=True)


@pytest.mark.parametrize("kind", [*KINDS, "sheet"])
def test_a_plane_is_painted_ahead_of_the_camera_and_not_behind_it(kind: str) -> None:
    plane = Plane(np.pi, 6.0, 3.0, kind, (0.4, 0.4, 0.4), 0.0, 1.0)
    view = view_from(8.0)
    light = sample_light(np.random.default_rng(0))
    color = np.full_like(view.rays, -1.0)
    draw_plane(color, plane, view.eye, view.rays, light)
    assert (color >= 0).any()
    assert (color < 0).any()
    behind = np.full_like(view.rays, -1.0)
    draw_plane(behind, dataclasses.replace(plane, bearing=0.0), view.eye, view.rays, light)
    assert (behind == -1).all()


@pytest.mark.parametrize("name", CHANCES)
def test_an_occluder_changes_exactly_the_pixels_it_reports(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(occluders, "CHANCES", {other: float(other == name) for other in CHANCES})
    for seed in SEEDS:
        light = np.full((60, 90, 3), -1.0, np.float32)
        covered = draw_occluders(light, 1.0, np.random.default_rng(seed))
        np.testing.assert_array_equal(covered, (light >= 0).all(-1))
        assert 0 < covered.mean() < 0.4


def test_a_camera_s_pictures_vary_and_none_is_black_or_burnt_out() -> None:
    camera = sample_cameras(2, 1, (100, 120), np.random.default_rng(0))[0]
    light = np.random.default_rng(0).uniform(0.05, 0.9, (20, 30, 3)).astype(np.float32)
    pictures = [develop(light, camera, np.random.default_rng(seed)) for seed in SEEDS]
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert all(25 < picture.mean() < 235 for picture in pictures)
