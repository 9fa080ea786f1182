import cv2
import numpy as np
import pytest

from pipeline.synthetic import cameras, scene
from pipeline.synthetic.annotation import label_map, viewpoint
from pipeline.synthetic.bodies import BODY_TYPES
from pipeline.synthetic.cameras import sample_cameras, sample_view
from pipeline.synthetic.development import develop, encode
from pipeline.synthetic.light import sample_light
from pipeline.synthetic.render import FAR, Frame, is_in_sight, render, silhouette
from pipeline.synthetic.vehicle import Vehicle
from pipeline.synthetic.view import View


def look(vehicle: Vehicle, azimuth: float, elevation: float = 4.0) -> tuple[Frame, View]:
    camera = sample_cameras(1, 1, (200, 260), np.random.default_rng(0))[0]
    rng = np.random.default_rng(1)
    view = sample_view(camera, silhouette(vehicle), azimuth, elevation, rng)
    return render(vehicle, view, sample_light(rng)), view


def share(frame: Frame, label: int) -> float:
    labels = label_map(frame.view)
    return float((labels == label).sum() / np.isin(labels, (1, 2, 3)).sum())


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_from_the_front_one_sees_the_front_and_no_rear(vehicles: dict[str, Vehicle], body_type: str) -> None:
    frame, _ = look(vehicles[body_type], 0.0)
    assert share(frame, 1) > 0.6
    assert share(frame, 2) == 0.0


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_from_behind_one_sees_the_rear_and_no_front(vehicles: dict[str, Vehicle], body_type: str) -> None:
    frame, _ = look(vehicles[body_type], 180.0)
    assert share(frame, 2) > 0.6
    # a pickup's cab, and a truck's cargo box, face forward and stay hidden
    assert share(frame, 1) == 0.0


@pytest.mark.parametrize(
    ("azimuth", "expected"),
    [
        (0, "front"),
        (35, "front-side"),
        (90, "side"),
        (145, "rear-side"),
        (180, "rear"),
        (270, "side"),
        (325, "front-side"),
    ],
)
@pytest.mark.parametrize("elevation", [4.0, 28.0])
def test_the_viewpoint_follows_the_azimuth(
    vehicles: dict[str, Vehicle], azimuth: float, expected: str, elevation: float
) -> None:
    for body_type in ("sedan", "suv", "van", "hatchback"):
        frame, _ = look(vehicles[body_type], azimuth, elevation)
        assert viewpoint(frame.view, frame.level) == expected


def test_ninety_degrees_sees_the_left_side_with_the_nose_to_the_left(vehicles: dict[str, Vehicle]) -> None:
    vehicle = vehicles["sedan"]
    frame, _ = look(vehicle, 75.0)
    front = np.flatnonzero((label_map(frame.view) == 1).any(0))
    side = np.flatnonzero((label_map(frame.view) == 3).any(0))
    assert front.mean() < side.mean()


def test_the_picture_and_its_mirror_image_show_the_same_silhouette(vehicles: dict[str, Vehicle]) -> None:
    vehicle = vehicles["hatchback"]
    eye = np.array([8.0, 5.0, 2.0])
    masks = []
    for side in (1.0, -1.0):
        position = eye * [1, side, 1]
        view = View(position, cameras._look(position, np.array([0, 0, 0.7]), 0.0), 0.25, (200, 160))
        light = sample_light(np.random.default_rng(0))
        masks.append(render(vehicle, view, light).depth < FAR - 1)
    difference = masks[0] ^ masks[1][:, ::-1]
    assert masks[0].sum() > 3000
    assert difference.sum() < 0.02 * masks[0].sum()


def test_a_nearer_vehicle_has_smaller_depths(vehicles: dict[str, Vehicle]) -> None:
    vehicle = vehicles["sedan"]
    frame, view = look(vehicle, 0.0)
    light = sample_light(np.random.default_rng(0))
    moved = render(vehicle, view, light, offset=(2.0, 0.0))
    assert moved.depth.min() == pytest.approx(frame.depth.min() - 2.0, abs=0.2)


def test_what_is_called_out_of_sight_covers_no_pixel_or_reaches_behind_the_camera(vehicles: dict[str, Vehicle]) -> None:
    vehicle, other = vehicles["sedan"], vehicles["hatchback"]
    _, view = look(vehicle, 60.0)
    light = sample_light(np.random.default_rng(0))
    answers = set()
    for place in ((x, y) for x in range(-12, 13, 3) for y in range(-9, 10, 6)):
        drawable = is_in_sight(other, view, place)
        answers.add(drawable)
        ahead = -((silhouette(other) + [*place, 0] - view.eye) @ view.rotation[2])
        if ahead.min() < 0.5:
            assert not drawable
        elif not drawable:
            assert not (render(other, view, light, offset=place).depth < FAR - 1).any()
    assert answers == {True, False}


def test_colour_parts_and_labels_are_empty_where_there_is_no_vehicle(vehicles: dict[str, Vehicle]) -> None:
    frame, _ = look(vehicles["pickup"], 40.0)
    outside = frame.depth > FAR - 1
    assert outside.any()
    for values in (frame.color, frame.part, frame.inner, frame.view, frame.level):
        assert not values[outside].any()
    assert (frame.view[~outside] > 0).all()
    assert np.isfinite(frame.color).all()


def test_the_vehicle_touches_the_ground_it_is_painted_on(vehicles: dict[str, Vehicle]) -> None:
    vehicle = vehicles["suv"]
    frame, view = look(vehicle, 90.0, elevation=10.0)
    rows, columns = np.nonzero(frame.part == vehicle.skin.parts.index("wheel") + 1)
    lowest = rows.max()
    ray = view.rays[lowest, int(columns[rows == lowest].mean())]
    ground = view.eye + ray * (-view.eye[2] / ray[2])
    shape = vehicle.spec.shape
    assert ground[0] == pytest.approx(shape.axle_front, abs=0.15)
    assert ground[1] == pytest.approx(shape.width / 2, abs=0.25)


def test_a_shadow_darkens_the_ground_below_and_leaves_the_rest() -> None:
    corners = np.array([[x, y, z] for x in (-2, 2) for y in (-1, 1) for z in (0.1, 1.5)], np.float32)
    shadow = scene.cast_shadow([corners], np.array([0.0, 0.0, 1.0], np.float32), 0.6)
    middle = shadow.shape[0] // 2
    assert shadow[middle, middle] < 0.3
    assert shadow[2, 2] == pytest.approx(1.0)


def test_a_camera_s_picture_is_eight_bit_and_deterministic() -> None:
    camera = sample_cameras(2, 1, (100, 120), np.random.default_rng(0))[0]
    light = np.full((20, 30, 3), 0.3, np.float32)
    first, second = (develop(light, camera, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.uint8
    decoded = cv2.imdecode(np.frombuffer(encode(first, 90), np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape == (20, 30, 3)
