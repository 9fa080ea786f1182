import dataclasses

import numpy as np
import pytest

from pipeline.synthetic import loft, parts
from pipeline.synthetic.bodies import BODY_TYPES, sample_shape
from pipeline.synthetic.skin import LEFT, RIGHT
from pipeline.synthetic.specs import VehicleSpec, sample_details, sample_styling
from pipeline.synthetic.vehicle import Vehicle, build


def part_vertices(vehicle: Vehicle, value: int) -> np.ndarray:
    """Vertices of the solid mesh whose place in the skin belongs to one part instance."""
    column, row = np.round(vehicle.solid.uv).astype(int).T
    return vehicle.solid.vertices[vehicle.skin.part[row, column] == value]


def instances(vehicle: Vehicle, name: str) -> list[int]:
    return [i + 1 for i, found in enumerate(vehicle.skin.parts) if found == name]


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_four_wheels_stand_on_the_ground_and_nothing_reaches_below(
    vehicles: dict[str, Vehicle], body_type: str
) -> None:
    vehicle = vehicles[body_type]
    wheels = instances(vehicle, "wheel")
    assert len(wheels) == 4
    for value in wheels:
        assert part_vertices(vehicle, value)[:, 2].min() == pytest.approx(0.0, abs=0.01)
    for mesh in (vehicle.shell, vehicle.solid, vehicle.interior):
        assert mesh.vertices[:, 2].min() > -0.011


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_wheels_sit_at_the_corners_inside_the_body_s_width(vehicles: dict[str, Vehicle], body_type: str) -> None:
    vehicle = vehicles[body_type]
    shape = vehicle.spec.shape
    middles = [part_vertices(vehicle, value) for value in instances(vehicle, "wheel")]
    places = {(np.sign(m[:, 1].mean()), round(float(m[:, 0].mean()), 1)) for m in middles}
    expected = {(side, round(x, 1)) for side in (1.0, -1.0) for x in (shape.axle_front, shape.axle_rear)}
    assert len(places) == 4
    assert {side for side, _ in places} == {side for side, _ in expected}
    for vertices in middles:
        assert np.abs(vertices[:, 1]).max() < shape.width / 2 + 0.01
        axle = min((shape.axle_front, shape.axle_rear), key=lambda x: abs(x - vertices[:, 0].mean()))
        assert vertices[:, 0].mean() == pytest.approx(axle, abs=0.05)


def test_a_wheel_is_closed_and_the_right_side_out_on_both_sides(vehicles: dict[str, Vehicle]) -> None:
    vehicle = vehicles["suv"]
    radius = vehicle.spec.shape.wheel_radius
    for name, axle in parts.WHEELS:
        wheel = parts.wheel(vehicle.skin, name, axle, vehicle.spec.shape, vehicle.spec.details)
        assert wheel.volume() == pytest.approx(np.pi * radius**2 * parts.TYRE_WIDTH, rel=0.3)


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_mirrors_hang_at_both_front_pillars_outside_the_body(vehicles: dict[str, Vehicle], body_type: str) -> None:
    vehicle = vehicles[body_type]
    shape = vehicle.spec.shape
    body = loft.profile(shape)
    left, right = (part_vertices(vehicle, value).mean(0) for value in instances(vehicle, "back_mirror"))
    np.testing.assert_allclose(left, right * [1, -1, 1], atol=1e-5)
    assert left[1] > body.at(body.half, float(left[2]))
    assert shape.cowl - 0.05 < left[2] < shape.roof_edge
    pillar = body.at(body.front, float(left[2])) - body.at(body.front_corner, float(left[2]))
    assert abs(left[0] - pillar) < 0.4


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_everything_inside_is_inside(vehicles: dict[str, Vehicle], body_type: str) -> None:
    vehicle = vehicles[body_type]
    low, high = vehicle.shell.vertices.min(0), vehicle.shell.vertices.max(0)
    assert (vehicle.interior.vertices > low).all()
    assert (vehicle.interior.vertices < high).all()


@pytest.mark.parametrize("body_type", BODY_TYPES)
def test_there_is_a_plate_in_front_and_one_at_the_rear(vehicles: dict[str, Vehicle], body_type: str) -> None:
    skin = vehicles[body_type].skin
    rows = {value: np.flatnonzero((skin.part == value).any(1)) for value in instances(vehicles[body_type], "plate")}
    found = {name for found in rows.values() if len(found) for name in skin.regions if holds(skin, name, found)}
    assert "front" in found
    assert found & {"rear", "cargo_rear"}


def holds(skin, name: str, rows: np.ndarray) -> bool:  # type: ignore[no-untyped-def]
    region = skin.regions[name]
    height = (region.high[1] - region.low[1]) * region.scale
    return bool(region.row <= rows[0] and rows[-1] <= region.row + height + 2)


@pytest.mark.parametrize("body_type", ["sedan", "suv"])
def test_a_model_s_extras_touch_the_body_and_stay_near_it(body_type: str) -> None:
    rng = np.random.default_rng(4)
    shape = sample_shape(body_type, rng)
    plain = dataclasses.replace(sample_styling(body_type, rng), spoiler=0, bull_bar=False, spare_wheel=False)
    details = sample_details(body_type, rng)
    shell = build(VehicleSpec(1, 1, shape, plain, details)).shell.vertices
    low, high = shell.min(0), shell.max(0)
    for added in ({"spoiler": 1}, {"spoiler": 2}, {"bull_bar": True}, {"spare_wheel": True}):
        vehicle = build(VehicleSpec(1, 1, shape, dataclasses.replace(plain, **added), details))  # type: ignore[arg-type]
        before = build(VehicleSpec(1, 1, shape, plain, details)).solid
        extra = vehicle.solid.vertices[len(before.vertices) :]
        assert len(extra)
        assert (extra > low - 0.4).all()
        assert (extra < high + 0.4).all()
        nearest = np.linalg.norm(extra[:, None] - shell[None], axis=-1).min()
        assert nearest < 0.2


def test_left_and_right_wheels_are_labelled_for_their_sides(vehicles: dict[str, Vehicle]) -> None:
    skin = vehicles["sedan"].skin
    for name, expected in (("wheel_fl", LEFT), ("wheel_fr", RIGHT), ("wheel_rl", LEFT), ("wheel_rr", RIGHT)):
        region = skin.regions[name]
        assert skin.view[region.row + 5, region.column + 5] == expected
