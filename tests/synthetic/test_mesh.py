import numpy as np
import pytest

from pipeline.synthetic.mesh import box, ellipsoid, grid_triangles, join, ring


def test_a_box_has_the_volume_of_its_sides() -> None:
    assert box((1, 2, 3), (2, 3, 4), (0, 0)).volume() == pytest.approx(24, rel=1e-5)


def test_an_ellipsoid_is_the_right_side_out_and_nearly_as_large_as_a_smooth_one() -> None:
    assert ellipsoid((0, 0, 5), (1, 2, 3), (0, 0)).volume() == pytest.approx(4 / 3 * np.pi * 6, rel=0.15)


def test_a_ring_that_closes_on_the_axis_encloses_a_cylinder() -> None:
    profile = np.array([[0.0, -0.5], [2.0, -0.5], [2.0, 0.5], [0.0, 0.5]])
    assert ring(profile, (0, 0), 200).volume() == pytest.approx(4 * np.pi, rel=0.01)


def test_normals_point_away_from_the_middle_of_a_convex_solid() -> None:
    for mesh in (box((0, 0, 0), (1, 2, 3), (0, 0)), ellipsoid((0, 0, 0), (1, 2, 3), (0, 0))):
        assert (np.einsum("ij,ij->i", mesh.vertices, mesh.normals) > 0).all()


def test_joined_meshes_keep_their_volumes_and_moving_changes_none() -> None:
    pair = join([box((0, 0, 0), (1, 1, 1), (0, 0)), box((5, 0, 0), (2, 1, 1), (0, 0))])
    assert pair.volume() == pytest.approx(3, rel=1e-5)
    assert pair.moved((3, -2, 1), yaw=0.7).volume() == pytest.approx(3, rel=1e-4)


def test_a_quarter_turn_takes_forward_to_the_left() -> None:
    turned = box((5, 0, 0), (1, 1, 1), (0, 0)).moved((0, 0, 0), yaw=np.pi / 2)
    np.testing.assert_allclose(turned.vertices.mean(0), [0, 5, 0], atol=1e-5)


def test_a_grid_of_three_by_four_points_has_twelve_triangles() -> None:
    triangles = grid_triangles(3, 4)
    assert triangles.shape == (12, 3)
    assert set(triangles.ravel()) == set(range(12))
