"""A vehicle ready to be rendered: its specification turned into meshes and a skin."""

from dataclasses import dataclass

from pipeline.synthetic import fascia, flanks, loft, parts
from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.extras import extras
from pipeline.synthetic.loft import Profile
from pipeline.synthetic.mesh import Mesh, box, join
from pipeline.synthetic.skin import FRONT, LEFT, NO_VIEW, REAR, RIGHT, Skin
from pipeline.synthetic.specs import VehicleSpec

FINE_SCALE, COARSE_SCALE = 160.0, 90.0
"""Skin pixels a metre for cars, and for bodies longer than `COARSE_LENGTH`."""

COARSE_LENGTH = 5.8


@dataclass(frozen=True)
class Vehicle:
    """Geometry and skin of one vehicle.

    Attributes:
        spec: What it was built from.
        shell: Closed bodies: glass and wheel arches in them are looked through.
        solid: Wheels, mirrors, carrier, spoiler: opaque, seen directly and through the shell.
        interior: What is only seen through the shell.
        skin: Colours, materials, parts and views.
    """

    spec: VehicleSpec
    shell: Mesh
    solid: Mesh
    interior: Mesh
    skin: Skin


def build(spec: VehicleSpec) -> Vehicle:
    """Meshes and painted skin of one vehicle."""
    shape, styling, details = spec.shape, spec.styling, spec.details
    body = loft.profile(shape)
    cargo = loft.cargo_profile(shape) if shape.cargo else None
    skin = Skin(_regions(shape, body, cargo), COARSE_SCALE if shape.length > COARSE_LENGTH else FINE_SCALE)
    for region in skin.regions:
        skin.fill(region, styling.cargo if region.startswith("cargo_") else styling.paint, "paint")
    fascia.draw_front(skin, body, shape, styling, details)
    fascia.draw_rear(skin, body, shape, styling, details)
    for side in ("left", "right"):
        flanks.draw_side(skin, side, body, shape, styling, details)
    flanks.draw_roof(skin, shape, styling, details)
    shells = [loft.shell(body, skin, "")]
    solids = [parts.wheel(skin, name, axle, shape, details) for name, axle in parts.WHEELS]
    solids += parts.mirrors(skin, body, shape, styling, details) + parts.carrier(skin, shape, details)
    solids += extras(skin, body, shape, styling)
    if cargo is not None:
        shells.append(loft.shell(cargo, skin, "cargo_"))
        solids += _cargo(skin, spec)
    inside = parts.interior(skin, body, shape, styling, details)
    return Vehicle(spec, join(shells), join(solids), join(inside), skin)


def _cargo(skin: Skin, spec: VehicleSpec) -> list[Mesh]:
    """Paint the cargo box; returns the chassis below it."""
    shape, details = spec.shape, spec.details
    fascia.draw_cargo(skin, shape, details)
    for side in ("left", "right"):
        flanks.draw_cargo_side(skin, side, shape, details)
    dark = skin.swatch((0.05, 0.05, 0.055), "plastic")
    long = shape.rear_glass + shape.length / 2
    middle = (shape.rear_glass - shape.length / 2) / 2
    beams = [box((middle, 0, 0.85), (long, 0.9, 0.3), dark)]
    guard = box((middle + 0.2, 0, 0.6), (0.35 * long, shape.width - 0.1, 0.3), dark)
    return [*beams, guard, box((-shape.length / 2 + 0.1, 0, 0.55), (0.1, shape.width - 0.2, 0.14), dark)]


def _regions(
    shape: BodyShape, body: Profile, cargo: Profile | None
) -> dict[str, tuple[tuple[float, float], tuple[float, float], int]]:
    """Extent in metres and view of every region of the skin."""
    sizes = _body_regions(body, "")
    if cargo is not None:
        sizes |= _body_regions(cargo, "cargo_")
    return sizes | parts.wheel_sizes(shape)


def _body_regions(body: Profile, prefix: str) -> dict[str, tuple[tuple[float, float], tuple[float, float], int]]:
    half = float(body.half.max()) + 0.02
    rear, front = float(body.rear.min()) - 0.02, float(body.front.max()) + 0.02
    low, high = float(body.z[0]) - 0.02, float(body.z[-1]) + 0.02
    return {
        f"{prefix}front": ((-half, -0.02), (half, float(body.front_arc[-1]) + 0.02), FRONT),
        f"{prefix}rear": ((-half, -0.02), (half, float(body.rear_arc[-1]) + 0.02), REAR),
        f"{prefix}left": ((rear, low), (front, high), LEFT),
        f"{prefix}right": ((rear, low), (front, high), RIGHT),
        f"{prefix}top": ((rear, -half), (front, half), NO_VIEW),
    }
