"""Rasterising and shading: one vehicle, one view, one light -> colour, depth, parts and view labels a pixel."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthetic.arithmetic import apply, dot, length, power, whole_power
from pipeline.synthetic.light import Light
from pipeline.synthetic.mesh import Floats, Mesh
from pipeline.synthetic.skin import FRONT, MATERIALS, Skin
from pipeline.synthetic.vehicle import Vehicle
from pipeline.synthetic.view import View

Bytes = NDArray[np.uint8]

FAR = 200.0
NEAR = 0.5

LINEAR: Floats = power(np.arange(256) / 255.0, 2.2).astype(np.float32)
"""8-bit sRGB -> linear light."""

# diffuse share, mirror reflectance head-on, strength of the sky's mirror image, sun highlight, its whole exponent
_LOOKS: dict[str, tuple[float, float, float, float, float]] = {
    "paint": (1.00, 0.06, 0.90, 0.80, 80.0),
    "glass": (0.05, 0.07, 0.75, 1.00, 150.0),
    "chrome": (0.75, 0.30, 0.80, 0.80, 30.0),
    "plastic": (1.00, 0.03, 0.30, 0.10, 10.0),
    "lamp": (0.95, 0.06, 0.80, 0.80, 90.0),
    "rubber": (1.00, 0.02, 0.10, 0.02, 6.0),
    "hole": (0.30, 0.00, 0.00, 0.00, 1.0),
    "decal": (1.00, 0.03, 0.15, 0.05, 10.0),
    "emissive": (1.00, 0.03, 0.15, 0.05, 10.0),
}
LOOKS: Floats = np.array([_LOOKS[name] for name in MATERIALS], np.float32)


WINDSCREEN_TINT = 0.75
"""Share of light that passes a windscreen; other panes are tinted by the vehicle's styling."""


@dataclass(frozen=True)
class Frame:
    """What the pixels of one vehicle hold.

    Attributes:
        depth: `(H, W)` float32, metres along the view axis, `FAR` where the vehicle is not.
        color: `(H, W, 3)` float32, linear light, 0 where the vehicle is not.
        part: `(H, W)` uint8, 1 + index of the part on the surface, 0 for none.
        inner: `(H, W)` uint8, the same for what is seen through glass or a wheel arch.
        view: `(H, W)` uint8, `FRONT`, `REAR`, `LEFT`, `RIGHT`, `NO_VIEW`; 0 where the vehicle is not.
        level: `(H, W)` float32 in [0, 1], share of the pixel's surface that a camera at street level sees.
    """

    depth: Floats
    color: Floats
    part: Bytes
    inner: Bytes
    view: Bytes
    level: Floats


@dataclass(frozen=True)
class _Layer:
    """Raster buffers: depth `(H, W)`; skin column, row and origin, and normal, `(H, W, 3)`; all float32."""

    depth: Floats
    uv: Floats
    normal: Floats


_SOLID, _INSIDE, _LINING = range(3)
"""Origin of a pixel of the second layer: wheels and the like, the interior, the shell's far side."""


def render(vehicle: Vehicle, view: View, light: Light, offset: tuple[float, float] = (0, 0), yaw: float = 0) -> Frame:
    """Render one vehicle that stands at `offset` metres, turned by `yaw` radians.

    Transparent pixels of the shell (glass, wheel arches) show a second layer: wheels, interior and the far
    side of the shell.
    """
    place = (offset[0], offset[1], 0.0)
    shell, solid, inside = (mesh.moved(place, yaw) for mesh in (vehicle.shell, vehicle.solid, vehicle.interior))
    outer, inner = _empty(view), _empty(view)
    for mesh in (shell, solid):
        _rasterise(mesh, view, outer, _SOLID)
    for origin, mesh in ((_SOLID, solid), (_INSIDE, inside), (_LINING, shell)):
        _rasterise(mesh, view, inner, origin)
    return _shade(vehicle, view, light, outer, inner)


def is_in_sight(vehicle: Vehicle, view: View, offset: tuple[float, float]) -> bool:
    """Whether a vehicle that stands at `offset` metres may show in the view, wholly before the camera.

    Judged by the sphere around it, which the camera's frustum must touch. A vehicle that reaches behind the camera
    cannot be drawn: the rasteriser spreads such triangles over the whole picture.
    """
    outline = silhouette(vehicle)
    size = np.ptp(outline, axis=0)
    radius = float(length(size)) / 2
    right, up, back = apply(view.rotation, np.array([*offset, size[2] / 2]) - view.eye)
    reach = view.slope * np.array([view.size[0] / view.size[1], 1.0])
    beyond = np.abs([right, up]) + back * reach  # grows with the distance from the frustum's sides
    ahead = -dot(outline + np.array([*offset, 0.0]) - view.eye, view.rotation[2])
    return bool((beyond <= radius * np.sqrt(1 + reach * reach)).all() and ahead.min() >= NEAR)


def silhouette(vehicle: Vehicle) -> Floats:
    """All vertices `(V, 3)` that are seen from outside, for framing and shadows."""
    return np.concatenate([vehicle.shell.vertices, vehicle.solid.vertices])


def _empty(view: View) -> _Layer:
    width, height = view.size
    uv, normal = (np.zeros((height, width, 3), np.float32) for _ in range(2))
    return _Layer(np.full((height, width), FAR, np.float32), uv, normal)


def _rasterise(mesh: Mesh, view: View, layer: _Layer, origin: int) -> None:
    """Draw a mesh into a layer's buffers; of a lining one sees the faces turned away."""
    settings = cv2.TriangleRasterizeSettings()
    settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
    settings.setCullingMode(cv2.RASTERIZE_CULLING_CCW if origin == _LINING else cv2.RASTERIZE_CULLING_CW)
    vertices = view.seen(mesh.vertices)
    uv = np.concatenate([mesh.uv, np.full((len(mesh.uv), 1), origin, np.float32)], 1)
    before = layer.depth.copy()
    for values, buffer, depth in ((uv, layer.uv, before), (mesh.normals, layer.normal, layer.depth)):
        cv2.triangleRasterize(
            vertices, mesh.triangles, values, buffer, depth, np.eye(4), np.pi / 2, NEAR, FAR, settings
        )


def _shade(vehicle: Vehicle, view: View, light: Light, outer: _Layer, inner: _Layer) -> Frame:
    """Colour and labels of all pixels the vehicle covers."""
    shape = outer.depth.shape
    part, inner_part, label = (np.zeros(shape, np.uint8) for _ in range(3))
    frame = Frame(outer.depth, np.zeros((*shape, 3), np.float32), part, inner_part, label, np.zeros(shape, np.float32))
    covered = np.flatnonzero(outer.depth < FAR - 1)
    if len(covered) == 0:
        return frame
    skin, to_eye = vehicle.skin, -view.rays.reshape(-1, 3)[covered]
    uv, normal = outer.uv.reshape(-1, 3)[covered], outer.normal.reshape(-1, 3)[covered]
    row, column = _texels(skin, uv)
    material = skin.material[row, column]
    color = _surface(_sample(skin.albedo, uv), material, normal, to_eye, light, vehicle.spec.styling.is_metallic)
    part.reshape(-1)[covered] = skin.part[row, column]
    label.reshape(-1)[covered] = skin.view[row, column]
    frame.color.reshape(-1, 3)[covered] = color
    frame.level.reshape(-1)[covered] = _level(normal, to_eye)
    is_glass = material == MATERIALS["glass"]
    _look_through_glass(vehicle, light, inner, covered[is_glass], frame)
    _look_into_arches(vehicle, light, inner, covered[material == MATERIALS["hole"]], frame)
    return frame


def _texels(skin: Skin, uv: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of skin positions `(N, 3)`; triangles cut by the near plane can interpolate past its edge."""
    height, width = skin.material.shape
    finite = np.nan_to_num(uv, posinf=0.0, neginf=0.0)
    row, column = (np.clip(np.round(finite[:, i]), 0, end - 1) for i, end in ((1, height), (0, width)))
    return row.astype(np.intp), column.astype(np.intp)


def _level(normal: Floats, to_eye: Floats) -> Floats:
    """Share `(N,)` of the seen area that remains when the camera comes down to the horizon."""
    flat, whole = dot(normal[:, :2], to_eye[:, :2]), dot(normal, to_eye)
    return np.asarray(np.clip(flat / np.maximum(whole, 1e-3), 0, 1), np.float32)


def _look_through_glass(vehicle: Vehicle, light: Light, inner: _Layer, pixels: NDArray[np.intp], frame: Frame) -> None:
    """Add what is behind panes: the interior, the dark lining, and daylight through the panes opposite."""
    color, part, material, origin = _behind(vehicle, light, inner, pixels)
    is_inside = origin == _INSIDE
    is_pane = (origin == _LINING) & (material == MATERIALS["glass"])
    color[~is_inside] = 0.02 * light.sky_color
    color[is_pane] = 0.42 * 0.5 * (light.sky_color + light.ground_color)
    is_screen = frame.view.reshape(-1)[pixels] == FRONT
    tint = np.where(is_screen, WINDSCREEN_TINT, vehicle.spec.styling.tint) * np.where(is_pane, 0.5, 1.0)
    frame.color.reshape(-1, 3)[pixels] += color * tint[:, None].astype(np.float32)
    frame.inner.reshape(-1)[pixels] = np.where(is_inside, part, 0)


def _look_into_arches(vehicle: Vehicle, light: Light, inner: _Layer, pixels: NDArray[np.intp], frame: Frame) -> None:
    """Put wheels, or darkness, into the wheel arches."""
    color, part, _, origin = _behind(vehicle, light, inner, pixels)
    is_wheel = origin == _SOLID
    color[~is_wheel] = 0.02 * light.sky_color
    frame.color.reshape(-1, 3)[pixels] = color
    frame.part.reshape(-1)[pixels] = np.where(is_wheel, part, 0)


def _behind(
    vehicle: Vehicle, light: Light, inner: _Layer, pixels: NDArray[np.intp]
) -> tuple[Floats, Bytes, Bytes, NDArray[np.int64]]:
    """Light `(N, 3)`, part, material and origin of the second layer; nothing counts as dark lining."""
    is_hit = inner.depth.reshape(-1)[pixels] < FAR - 1
    uv, normal = inner.uv.reshape(-1, 3)[pixels], inner.normal.reshape(-1, 3)[pixels]
    skin, origin = vehicle.skin, np.round(uv[:, 2]).astype(np.int64)
    row, column = _texels(skin, uv)
    lambert = np.clip(dot(normal, light.sun), 0, None)[:, None]
    lit = 0.35 * light.sky_color * (0.6 + 0.4 * normal[:, 2:]) + 0.25 * light.sun_color * lambert
    color = np.asarray(LINEAR[skin.albedo[row, column]] * lit, np.float32)
    material = np.where(is_hit, skin.material[row, column], MATERIALS["hole"]).astype(np.uint8)
    return color, skin.part[row, column], material, np.where(is_hit, origin, _LINING)


def _sample(albedo: Bytes, uv: Floats) -> Floats:
    """Linear light `(N, 3)` at skin positions, interpolated."""
    columns, steps = 4096, 32
    padded = np.zeros((-(-len(uv) // columns) * columns, 2), np.int32)
    finite = np.nan_to_num(uv[:, :2], posinf=0.0, neginf=0.0)
    padded[: len(uv)] = np.round(np.clip(finite, 0, [albedo.shape[1] - 1, albedo.shape[0] - 1]) * steps)
    grid = padded.reshape(-1, columns, 2)
    # OpenCV's fixed-point form: whole pixels, and both shares of the next in 32nds, by which it weights integers
    share = (grid[..., 1] % steps * steps + grid[..., 0] % steps).astype(np.uint16)
    texels = cv2.remap(albedo, (grid // steps).astype(np.int16), share, cv2.INTER_LINEAR)
    return np.asarray(LINEAR[texels.reshape(-1, 3)[: len(uv)]], np.float32)


def _surface(
    albedo: Floats, material: Bytes, normal: Floats, to_eye: Floats, light: Light, is_metallic: bool
) -> Floats:
    """Light `(N, 3)` that leaves the surface towards the eye."""
    normal = np.asarray(normal / np.maximum(length(normal), 1e-6)[:, None], np.float32)
    facing = np.clip(dot(normal, to_eye), 0, 1)
    diffuse, base, mirror, highlight, exponent = LOOKS[material].T
    up = 0.5 + 0.5 * normal[:, 2:]
    lambert = np.clip(dot(normal, light.sun), 0, None)[:, None]
    lit = light.ground_color * (1 - up) + light.sky_color * up + light.sun_color * lambert
    if is_metallic:
        diffuse = np.where(material == MATERIALS["paint"], 0.72 + 0.4 * facing, diffuse)
    rays = 2 * facing[:, None] * normal - to_eye
    grazing = 1 - facing
    fresnel = mirror * (base + (1 - base) * grazing * grazing * grazing * grazing * grazing)
    shine = highlight * whole_power(np.clip(dot(rays, light.sun), 0, 1), exponent.astype(np.int64))
    color = albedo * lit * diffuse[:, None]
    color += fresnel[:, None] * light.reflection(rays)
    color += shine[:, None] * light.sun_color
    return np.asarray(color, np.float32)
