import numpy as np
import pytest

from pipeline.synthetic import loft
from pipeline.synthetic.bodies import BODY_TYPES, CARS, SHORTEST_ROOF, sample_shape
from pipeline.synthetic.vehicle import Vehicle


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_a_shell_is_closed_and_the_right_side_out(vehicles: dict[str, Vehicle], body_type: str) -> None:
    shell, shape = vehicles[body_type].shell, vehicles[body_type].spec.shape
    bounding = shape.length * shape.width * max(shape.height, shape.cargo)
    assert 0.3 * bounding < shell.volume() < bounding
    # every edge of a closed surface is met once in each direction
    _, place = np.unique(np.round(shell.vertices, 4), axis=0, return_inverse=True)
    corners = place.reshape(-1)[shell.triangles]
    corners = corners[(corners != np.roll(corners, 1, axis=1)).all(1)]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]).tolist()
    forward = sorted(map(tuple, edges))
    assert forward == sorted((b, a) for a, b in edges)


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_normals_agree_with_the_way_the_faces_turn(vehicles: dict[str, Vehicle], body_type: str) -> None:
    shell = vehicles[body_type].shell
    a, b, c = (shell.vertices[shell.triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    area = np.linalg.norm(face, axis=1)
    agreement = np.einsum("ij,ij->i", face, shell.normals[shell.triangles].mean(1))
    assert area[agreement < 0].sum() < 0.01 * area.sum()


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_a_body_is_as_long_and_wide_and_high_as_its_shape_says(body_type: str) -> None:
    shape = sample_shape(body_type, np.random.default_rng(1))
    body = loft.profile(shape)
    assert body.front.max() == pytest.approx(shape.length / 2, abs=0.02)
    assert body.rear.min() == pytest.approx(shape.cab_rear, abs=0.03)
    assert 2 * body.half.max() == pytest.approx(shape.width, rel=0.02)
    assert (body.z[0], body.z[-1]) == pytest.approx((shape.clearance, shape.height), abs=1e-3)
    assert (np.diff(body.z) > 0).all()


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_a_body_is_the_same_left_and_right(body_type: str) -> None:
    points = loft.outlines(loft.profile(sample_shape(body_type, np.random.default_rng(2))))
    mirrored = points[:, (-np.arange(points.shape[1])) % points.shape[1]] * [1, -1, 1]
    np.testing.assert_allclose(points, mirrored, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_both_axles_lie_under_the_body_for_any_draw(seed: int) -> None:
    for body_type in BODY_TYPES:
        shape = sample_shape(body_type, np.random.default_rng(seed))
        assert shape.axle_front + shape.wheel_radius < shape.length / 2
        assert shape.axle_rear - shape.wheel_radius > -shape.length / 2
        assert shape.axle_front - shape.axle_rear > 4 * shape.wheel_radius
        assert shape.clearance < shape.wheel_radius < shape.cowl


@pytest.mark.parametrize("seed", range(20))
def test_windscreen_roof_and_rear_window_follow_each_other_for_any_draw(seed: int) -> None:
    for body_type in BODY_TYPES:
        shape = sample_shape(body_type, np.random.default_rng(seed))
        assert shape.cowl_x > shape.roof_front > shape.roof_rear + 0.5
        assert shape.roof_rear > shape.rear_glass >= -shape.length / 2
        if body_type in CARS:
            assert shape.roof_front - shape.roof_rear >= SHORTEST_ROOF - 0.11
        assert shape.nose < shape.cowl < shape.roof_edge
