"""Parts that are solids: wheels, mirrors, roof rack, seats, driver and the things one sees through the glass."""

import numpy as np

from pipeline.synthetic.arithmetic import circle, cos, sin
from pipeline.synthetic.bodies import BodyShape
from pipeline.synthetic.drawing import DARK
from pipeline.synthetic.loft import Profile
from pipeline.synthetic.mesh import Mesh, Point, box, ellipsoid, join, ring
from pipeline.synthetic.skin import LEFT, RIGHT, Color, Skin
from pipeline.synthetic.specs import Details, Styling

TYRE_WIDTH = 0.22
WHEEL_SEGMENTS = 22
WHEELS: tuple[tuple[str, int], ...] = (("wheel_fl", 1), ("wheel_fr", 1), ("wheel_rl", -1), ("wheel_rr", -1))
"""Skin region of each wheel and its axle: 1 front, -1 rear; names ending in l are on the left."""


def wheel_sizes(shape: BodyShape) -> dict[str, tuple[tuple[float, float], tuple[float, float], int]]:
    """Skin regions of the four wheel faces, metres around the hub, side view."""
    reach = shape.wheel_radius + 0.02
    return {name: ((-reach, -reach), (reach, reach), LEFT if name.endswith("l") else RIGHT) for name, _ in WHEELS}


def wheel(skin: Skin, name: str, axle: int, shape: BodyShape, details: Details) -> Mesh:
    """One wheel that stands on the ground, its face painted with rim and tyre."""
    part = skin.add_part("wheel")
    _draw_wheel(skin, name, shape.wheel_radius, details, part)
    tread = skin.swatch((0.05, 0.05, 0.05), "rubber", part)
    radius, side = shape.wheel_radius, 1.0 if name.endswith("l") else -1.0
    half = TYRE_WIDTH / 2
    tyre = np.array(
        [[0.0, -half + 0.02], [0.86, -half], [0.97, -half], [1.0, -0.7 * half], [1.0, 0.7 * half], [0.97, half]]
    )
    face = np.array(
        [[0.97, half], [0.9, half + 0.004], [0.74, half], [0.70, half - 0.03], [0.3, half - 0.05], [0.0, half - 0.03]]
    )
    tyre[:, 0] *= radius
    face[:, 0] *= radius
    round_mesh = ring(tyre, tread, WHEEL_SEGMENTS)
    disc = ring(face, tread, WHEEL_SEGMENTS)
    uv = skin.regions[name].to_pixels(disc.vertices[:, 0], disc.vertices[:, 2])
    disc = Mesh(disc.vertices, disc.normals, uv, disc.triangles)
    whole = join([round_mesh, disc])
    if side < 0:
        whole = _mirrored(whole)
    along = shape.axle_front if axle > 0 else shape.axle_rear
    across = side * (shape.width / 2 - half - 0.015)
    return whole.moved((along, across, radius))


def _mirrored(mesh: Mesh) -> Mesh:
    """The mesh mirrored left to right, still the right side out."""
    flip = np.array([1, -1, 1], np.float32)
    return Mesh(mesh.vertices * flip, mesh.normals * flip, mesh.uv, mesh.triangles[:, ::-1].copy())


def _draw_wheel(skin: Skin, name: str, radius: float, details: Details, part: int) -> None:
    """Paint tyre, rim and spokes."""
    rim = details.rim_size * radius
    skin.ellipse(name, (0, 0), (1.3 * radius, 1.3 * radius), (0.055, 0.055, 0.055), "rubber", part)
    skin.ellipse(name, (0, 0), (rim, rim), details.rim, "chrome", part)
    if details.spokes == 0:
        for along, up in (0.7 * rim * circle(8)).tolist():
            skin.ellipse(name, (along, up), (0.13 * rim, 0.13 * rim), DARK, "rubber", part)
        return
    skin.ellipse(name, (0, 0), (0.9 * rim, 0.9 * rim), DARK, "rubber", part)
    width = min(0.32, 1.3 / details.spokes)
    for angle in np.arange(details.spokes) * 2 * np.pi / details.spokes + 0.3:
        ends = angle + width * np.array([2.0, 0.6, -0.6, -2.0])
        reach = rim * np.array([0.15, 0.93, 0.93, 0.15])
        outline = np.stack([reach * cos(ends), reach * sin(ends)], 1)
        skin.polygon(name, outline.tolist(), details.rim, "chrome", part)
    skin.ellipse(name, (0, 0), (0.2 * rim, 0.2 * rim), details.rim, "chrome", part)


def mirrors(skin: Skin, body: Profile, shape: BodyShape, styling: Styling, details: Details) -> list[Mesh]:
    """Both mirrors at the lower end of the A pillars, cap in paint or contrast."""
    meshes = []
    is_tall = shape.body_type in ("bus", "box_truck")
    height = shape.cowl + (0.45 if is_tall else 0.10)
    along = body.at(body.front, height) - body.at(body.front_corner, height) - (-0.25 if is_tall else 0.02)
    usual = (0.12, 0.10, 0.20) if is_tall else (0.10, 0.12, 0.085)
    size = (styling.mirror_size * usual[0], styling.mirror_size * usual[1], styling.mirror_size * usual[2])
    for side in (1, -1):
        part = skin.add_part("back_mirror")
        cap = skin.swatch(details.mirror or styling.paint, "paint", part)
        glass = skin.swatch((0.55, 0.6, 0.65), "chrome", part)
        across = side * (body.at(body.half, height) + size[1] + 0.05)
        meshes.append(ellipsoid((along, across, height), size, cap))
        meshes.append(box((along - 0.75 * size[0], across, height), (0.06, 1.5 * size[1], 1.4 * size[2]), glass))
        arm = skin.swatch(DARK, "plastic", part)
        meshes.append(box((along, across - side * size[1], height - 0.03), (0.06, 0.16, 0.05), arm))
    return meshes


def carrier(skin: Skin, shape: BodyShape, details: Details) -> list[Mesh]:
    """Roof rack: rails, cross bars or a basket."""
    if details.carrier == 0:
        return []
    uv = skin.swatch(details.carrier_color, "chrome", skin.add_part("carrier"))
    half = 0.40 * shape.width * shape.roof_width
    front, rear = shape.roof_front - 0.2, shape.roof_rear + 0.25
    top = shape.height + (0.05 if details.carrier == 1 else 0.09)
    long, middle = front - rear, (front + rear) / 2
    meshes = [box((middle, side * half, top), (long, 0.05, 0.05), uv) for side in (-1, 1)]
    posts = [(x, side) for x in (front - 0.05, rear + 0.05) for side in (-1, 1)]
    meshes += [box((x, side * half, shape.height), (0.08, 0.05, 2 * (top - shape.height)), uv) for x, side in posts]
    if details.carrier > 1:
        count = 3 if details.carrier == 2 else 6
        meshes += [box((x, 0, top), (0.05, 2 * half, 0.04), uv) for x in np.linspace(rear + 0.2, front - 0.2, count)]
    if details.carrier == 3:
        high = top + 0.14
        meshes += [box((middle, side * half, high), (long, 0.04, 0.04), uv) for side in (-1, 1)]
        meshes += [box((x, 0, high), (0.04, 2 * half, 0.04), uv) for x in (front - 0.02, rear + 0.02)]
        meshes += [
            box((x, side * half, top + 0.07), (0.05, 0.05, 0.14), uv) for x in (front, middle, rear) for side in (-1, 1)
        ]
    return meshes


def interior(skin: Skin, body: Profile, shape: BodyShape, styling: Styling, details: Details) -> list[Mesh]:
    """Dashboard, seats, driver, and the ornaments that are seen through the glass."""
    trim = skin.swatch(styling.interior, "plastic")
    half = 0.86 * shape.width / 2
    belt = shape.cowl
    dash_x = shape.cowl_x - 0.22
    meshes = [box((dash_x - 0.1, 0, belt - 0.12), (0.65, 2 * half, 0.2), skin.swatch(DARK, "plastic"))]
    seats = np.arange(shape.roof_front - 0.55, shape.roof_rear - 0.1, -0.85)[:8]
    for i, x in enumerate(seats):
        for y in (-0.45 * half, 0.45 * half):
            meshes.append(box((x, y, belt - 0.12), (0.16, 0.48, 0.62), trim))
            meshes.append(box((x - 0.02, y, belt + 0.28), (0.10, 0.26, 0.16), trim))
        if i == 0 and details.belt is not None:
            meshes += _driver(
                skin, (x + 0.18, 0.45 * half, belt + min(0.0, shape.height - belt - 0.52)), details.belt, details.shirt
            )
    meshes += _dashboard_items(skin, (dash_x, half, belt - 0.02), details)
    if details.tissue_box is not None and details.tissue_at_rear and shape.body_type != "box_truck":
        place = (max(shape.roof_rear, shape.rear_glass + 0.25) - 0.05, 0.3 * half, max(belt, shape.deck) + 0.06)
        meshes += _tissue_box(skin, place, details.tissue_box)
        shelf = (place[0] - 0.05, 0.0, place[2] - 0.09)
        meshes.append(box(shelf, (0.4, 1.7 * half, 0.03), trim))
    if details.hanging is not None:
        uv = skin.swatch(details.hanging, "decal", skin.add_part("hanging"))
        x = float(np.interp(shape.roof_edge - 0.25, body.z, body.front)) - 0.14
        meshes.append(box((x, 0, shape.roof_edge - 0.18), (0.012, 0.012, 0.16), uv))
        meshes.append(ellipsoid((x, 0, shape.roof_edge - 0.30), (0.05, 0.075, 0.085), uv))
    return meshes


def _driver(skin: Skin, place: Point, belt: Color, shirt: Color) -> list[Mesh]:
    """Head, body, and the safe belt across the chest."""
    x, y, z = place
    skin_tone = skin.swatch((0.72, 0.52, 0.42), "decal")
    hair = skin.swatch((0.07, 0.05, 0.04), "plastic")
    strap = skin.swatch(belt, "decal", skin.add_part("safe_belt"))
    meshes = [
        ellipsoid((x, y, z + 0.28), (0.10, 0.085, 0.12), skin_tone),
        ellipsoid((x - 0.02, y, z + 0.32), (0.105, 0.09, 0.10), hair),
        ellipsoid((x, y, z - 0.08), (0.13, 0.24, 0.30), skin.swatch(shirt, "decal")),
    ]
    for share in np.linspace(-1, 1, 7):
        center = (x + 0.135 - 0.05 * abs(share), y + 0.13 * share, z - 0.02 + 0.14 * share)
        meshes.append(box(center, (0.03, 0.075, 0.075), strap))
    return meshes


def _dashboard_items(skin: Skin, place: Point, details: Details) -> list[Mesh]:
    """Ornament and tissue box that stand on the dashboard."""
    x, half, top = place
    meshes: list[Mesh] = []
    if details.ornament is not None:
        uv = skin.swatch(details.ornament, "decal", skin.add_part("lay_ornament"))
        y = details.ornament_along * half
        meshes.append(ellipsoid((x, y, top + 0.07), (0.06, 0.075, 0.07), uv))
        meshes.append(ellipsoid((x, y, top + 0.17), (0.045, 0.05, 0.05), uv))
    if details.tissue_box is not None and not details.tissue_at_rear:
        y = -0.6 * half if details.ornament_along > 0 else 0.6 * half
        meshes += _tissue_box(skin, (x, y, top + 0.05), details.tissue_box)
    return meshes


def _tissue_box(skin: Skin, place: Point, color: Color) -> list[Mesh]:
    """A box with a white tissue on top."""
    x, y, z = place
    part = skin.add_part("tissue_box")
    sheet = skin.swatch((0.97, 0.97, 0.97), "decal", part)
    return [
        box((x, y, z), (0.16, 0.28, 0.12), skin.swatch(color, "decal", part)),
        ellipsoid((x, y, z + 0.08), (0.04, 0.07, 0.05), sheet),
    ]
