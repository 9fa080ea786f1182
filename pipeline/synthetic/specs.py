"""What makes a vehicle the one it is: body and paint, which twins share, and small parts, which they do not."""

from dataclasses import dataclass

import numpy as np

from pipeline.synthetic.arithmetic import exp
from pipeline.synthetic.bodies import BODY_TYPES, CARS, BodyShape, sample_shape
from pipeline.synthetic.palette import PAINTS, PLATES, VIVID, between, maybe, pick
from pipeline.synthetic.skin import Color

COLORS: tuple[str, ...] = (
    "yellow", "orange", "green", "gray", "red", "blue", "white", "golden", "brown", "black",
)  # fmt: skip
"""VeRi-776's colours; `colorID` is the index here plus one."""

TYPE_NAMES: tuple[str, ...] = (
    "sedan", "suv", "van", "hatchback", "mpv", "pickup", "bus", "truck", "estate",
)  # fmt: skip
"""VeRi-776's types; `typeID` is the index here plus one."""

TYPE_SHARES: dict[str, float] = {
    "sedan": 0.21, "coupe": 0.08, "wagon": 0.08, "hatchback": 0.15, "suv": 0.21, "mpv": 0.06, "pickup": 0.08,
    "van": 0.07, "box_truck": 0.03, "bus": 0.03,
}  # fmt: skip


@dataclass(frozen=True)
class Styling:
    """Looks that belong to the model of a car and are shared by twins; colours are sRGB in [0, 1].

    Attributes:
        paint: Body colour.
        paint_name: Its name in `COLORS`.
        is_metallic: Whether the paint has flakes: darker at grazing angles.
        grille: Form of the grille, 0 to 4.
        has_cladding: Whether sills and wheel arches are unpainted.
        tint: Light that comes through a side window, share.
        roof: Colour of the roof.
        trim: Colour of handles, window line and grille bars.
        interior: Colour of seats and dashboard.
        window_drop: Height of the windows' lower edge above the cowl, metres.
        livery: Colour of a broad stripe along the sides, None for none.
        cargo: Colour of a truck's cargo box.
        lower: Colour of the body below the doors' middle, None for the paint's.
        stripe: Colour of two stripes from bonnet to boot, None for none.
        skirt: Height of the unpainted lower part of the bumpers, metres.
        lamp_tall: Height of the lights as a multiple of the usual one.
        lamp_wide: Width of the lights as a multiple of the usual one.
        lamp_tone: Brightness of the front lights' inside, 0 dark to 1 clear.
        grille_wide: Width of the grille as a multiple of the usual one.
        grille_tall: Height of the grille as a multiple of the usual one.
        intake: Height of the lower air intake, metres.
        spoiler: 0 none, 1 lip at the rear edge of roof or boot, 2 wing on posts.
        bull_bar: Whether a bar protects the front.
        spare_wheel: Whether a spare wheel hangs at the rear.
        mirror_size: Size of the mirrors as a multiple of the usual one.
    """

    paint: Color
    paint_name: str
    is_metallic: bool
    grille: int
    has_cladding: bool
    tint: float
    roof: Color
    trim: Color
    interior: Color
    window_drop: float
    livery: Color | None
    cargo: Color
    lower: Color | None
    stripe: Color | None
    skirt: float
    lamp_tall: float
    lamp_wide: float
    lamp_tone: float
    grille_wide: float
    grille_tall: float
    intake: float
    spoiler: int
    bull_bar: bool
    spare_wheel: bool
    mirror_size: float


@dataclass(frozen=True)
class Sign:
    """A sticker (`newer_sign`).

    Attributes:
        place: Region of the skin that carries it: front, rear, left or right.
        along: Position across the region, -1 to 1 of the usable width.
        up: Position along its height, 0 to 1 of the usable height.
        size: Width and height, metres.
        color: Ground colour, sRGB.
        ink: Colour of its print.
        form: 0 rectangle, 1 disc, 2 stripe.
    """

    place: str
    along: float
    up: float
    size: tuple[float, float]
    color: Color
    ink: Color
    form: int


@dataclass(frozen=True)
class Details:
    """Small parts: all that tells twins apart. Colours are sRGB in [0, 1]; None means the part is absent.

    Attributes:
        spokes: Spokes of a rim, 0 for a plain disc with holes.
        rim: Colour of the rims.
        rim_size: Radius of the rims as a share of the tyres'.
        headlight: Form of the front lights, 0 to 6.
        taillight: Form of the rear lights, 0 to 6.
        tail_clear: Share of the rear lights that is clear glass.
        plate: Ground and ink of the plates.
        plate_text: What they say.
        annual_signs: Colours of the stickers at the top of the windscreen, from one corner inwards.
        annual_corner: -1 for the right corner of the windscreen, 1 for the left.
        entry_license: Colour of the card low behind the windscreen.
        license_along: Its position, -1 to 1.
        hanging: Colour of what hangs from the inner mirror.
        ornament: Colour of the figure on the dashboard.
        ornament_along: Its position, -1 to 1.
        tissue_box: Colour of the tissue box.
        tissue_at_rear: Whether it stands on the rear shelf.
        carrier: 0 none, 1 rails, 2 rails and cross bars, 3 basket.
        carrier_color: Colour of the carrier.
        has_topwindow: Whether there is a sunroof.
        light_cover: 0 none, 1 round, 2 bar, 3 triangle.
        cover_color: Colour of the covers' frame.
        logo: Form of the logo, 0 to 3.
        mirror: Colour of the mirrors' caps, None for the body colour.
        belt: Colour of the driver's safe belt, None without a driver.
        shirt: Colour of the driver's clothes.
        signs: Stickers.
    """

    spokes: int
    rim: Color
    rim_size: float
    headlight: int
    taillight: int
    tail_clear: float
    plate: tuple[Color, Color]
    plate_text: str
    annual_signs: tuple[Color, ...]
    annual_corner: int
    entry_license: Color | None
    license_along: float
    hanging: Color | None
    ornament: Color | None
    ornament_along: float
    tissue_box: Color | None
    tissue_at_rear: bool
    carrier: int
    carrier_color: Color
    has_topwindow: bool
    light_cover: int
    cover_color: Color
    logo: int
    mirror: Color | None
    belt: Color | None
    shirt: Color
    signs: tuple[Sign, ...]


@dataclass(frozen=True)
class VehicleSpec:
    """One vehicle.

    Attributes:
        vehicle_id: Identity, unique in the fleet.
        twin_group: Vehicles of one group share `shape` and `styling`.
        shape: Body.
        styling: Paint and model.
        details: Small parts.
    """

    vehicle_id: int
    twin_group: int
    shape: BodyShape
    styling: Styling
    details: Details


def sample_model(rng: np.random.Generator) -> tuple[BodyShape, Styling]:
    """Body and styling of a random model, types by `TYPE_SHARES`, paints mostly white, grey and black."""
    shares = np.array([TYPE_SHARES[name] for name in BODY_TYPES])
    shape = sample_shape(BODY_TYPES[int(rng.choice(len(BODY_TYPES), p=shares / shares.sum()))], rng)
    return shape, sample_styling(shape.body_type, rng)


def sample_styling(body_type: str, rng: np.random.Generator) -> Styling:
    """Random paint and model features for one type of body."""
    is_bus = body_type == "bus"
    weights = np.array([1.0 if is_bus else row[0] for row in PAINTS])
    _, name, low, high = PAINTS[int(rng.choice(len(PAINTS), p=weights / weights.sum()))]
    paint = between(low, high, rng)
    black = (0.04, 0.04, 0.05)
    has_black_roof = body_type in CARS and rng.random() < 0.15
    is_rugged, is_tailed = body_type in ("suv", "pickup"), body_type in CARS
    scale = exp(rng.normal(0, 0.22, 6)).clip(0.6, 1.7)
    has_lower = body_type in (*CARS, "pickup", "van") and rng.random() < 0.08
    return Styling(
        paint=paint,
        paint_name=name,
        is_metallic=bool(rng.random() < 0.6),
        grille=int(rng.choice(5, p=[0.22, 0.25, 0.18, 0.15, 0.2])),
        has_cladding=bool(rng.random() < (0.6 if is_rugged else 0.12)),
        tint=float(rng.uniform(0.01, 0.38)),
        roof=black if has_black_roof else paint,
        trim=(0.75, 0.76, 0.78) if rng.random() < 0.45 else black,
        interior=between((0.05, 0.05, 0.05), (0.55, 0.50, 0.42), rng),
        window_drop=float(rng.uniform(0.02, 0.09)),
        livery=pick(VIVID, rng) if is_bus and rng.random() < 0.8 else None,
        cargo=pick(((0.9, 0.9, 0.9), (0.7, 0.71, 0.73), (0.75, 0.35, 0.15), paint), rng),
        lower=pick((black, (0.35, 0.36, 0.38), (0.75, 0.73, 0.66), (0.45, 0.08, 0.08)), rng) if has_lower else None,
        stripe=pick((black, (0.95, 0.95, 0.95), *VIVID), rng) if is_tailed and rng.random() < 0.05 else None,
        skirt=float(rng.uniform(0.0, 0.3)),
        lamp_tall=float(scale[0]),
        lamp_wide=float(scale[1]),
        lamp_tone=float(rng.random()),
        grille_wide=float(scale[2]),
        grille_tall=float(scale[3]),
        intake=float(rng.uniform(0.05, 0.26)),
        spoiler=int(rng.choice(3, p=[0.6, 0.3, 0.1])) if is_tailed else 0,
        bull_bar=bool(is_rugged and rng.random() < 0.15),
        spare_wheel=bool(body_type == "suv" and rng.random() < 0.15),
        mirror_size=float(scale[4].clip(0.75, 1.4)),
    )


def sample_details(body_type: str, rng: np.random.Generator) -> Details:
    """Random small parts for one type of body."""
    grey = float(rng.choice([0.04, 0.10, 0.45, 0.72, 0.85], p=[0.18, 0.12, 0.15, 0.30, 0.25]))
    has_roof_parts = body_type in (*CARS, "van", "pickup")
    letters = "".join(rng.choice(list("ABCDEFGHKLMNPRSTUVXYZ"), 2))
    return Details(
        spokes=int(rng.choice([0, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15])),
        rim=(grey, grey, grey * 1.02) if rng.random() < 0.93 else pick(VIVID, rng),
        rim_size=float(rng.uniform(0.58, 0.82)),
        headlight=int(rng.integers(7)),
        taillight=int(rng.integers(7)),
        tail_clear=float(rng.choice([0.0, 0.25, 0.45])),
        plate=PLATES[int(rng.choice(4, p=[0.4, 0.25, 0.2, 0.15]))],
        plate_text=f"{letters}{int(rng.integers(100, 1000))}",
        annual_signs=tuple(pick(VIVID, rng) for _ in range(int(rng.choice(5, p=[0.4, 0.15, 0.15, 0.15, 0.15])))),
        annual_corner=int(rng.choice([-1, 1])),
        entry_license=maybe(0.35, rng),
        license_along=float(rng.uniform(-0.75, 0.75)),
        hanging=maybe(0.4, rng),
        ornament=maybe(0.35, rng),
        ornament_along=float(rng.uniform(-0.6, 0.6)),
        tissue_box=maybe(0.35, rng),
        tissue_at_rear=bool(rng.random() < 0.5),
        carrier=int(rng.choice(4, p=[0.61, 0.13, 0.13, 0.13])) if has_roof_parts else 0,
        carrier_color=(0.05, 0.05, 0.05) if rng.random() < 0.5 else (0.72, 0.73, 0.75),
        has_topwindow=bool(has_roof_parts and rng.random() < 0.3),
        light_cover=int(rng.choice(4, p=[0.55, 0.15, 0.15, 0.15])),
        cover_color=pick(((0.03, 0.03, 0.03), (0.75, 0.76, 0.78), (0.85, 0.2, 0.1)), rng),
        logo=int(rng.integers(4)),
        mirror=pick(((0.04, 0.04, 0.04), (0.8, 0.81, 0.83), (0.75, 0.1, 0.1)), rng) if rng.random() < 0.45 else None,
        belt=pick(((0.05, 0.05, 0.05), (0.75, 0.72, 0.62), (0.7, 0.1, 0.1)), rng) if rng.random() < 0.45 else None,
        shirt=pick(VIVID, rng),
        signs=_sample_signs(rng),
    )


def _sample_signs(rng: np.random.Generator) -> tuple[Sign, ...]:
    """At most one sticker in front, at the rear and on each side."""
    signs = []
    for place, chance in (("front", 0.2), ("rear", 0.6), ("left", 0.6), ("right", 0.6)):
        if rng.random() < chance:
            form = int(rng.integers(3))
            width = float(rng.uniform(0.9, 1.6)) if form == 2 else float(rng.uniform(0.16, 0.34))
            height = width if form == 1 else float(rng.uniform(0.08, 0.20))
            if place in ("front", "rear") and form == 2:
                width, height = 0.45, 0.10
            ground = pick(VIVID, rng)
            ink = (0.05, 0.05, 0.05) if sum(ground) > 1.4 else (0.95, 0.95, 0.95)
            along, up = (float(value) for value in rng.uniform((-1, 0), (1, 1)))
            signs.append(Sign(place, along, up, (width, height), ground, ink, form))
    return tuple(signs)
