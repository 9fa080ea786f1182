"""Bodies of ten vehicle types: their shape parameters and how these are drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BODY_TYPES: tuple[str, ...] = (
    "sedan", "coupe", "wagon", "hatchback", "suv", "mpv", "pickup", "van", "box_truck", "bus",
)  # fmt: skip

CARS: tuple[str, ...] = ("sedan", "coupe", "wagon", "hatchback", "suv", "mpv")
"""Types between which bodies pass into one another."""

BLEND_CHANCE, BLEND = 0.4, 0.45
"""Share of cars that take after a second type, and the most they take of it."""


@dataclass(frozen=True)
class BodyShape:
    """Shape parameters of one body; lengths in metres, x from the body's middle, forward positive.

    Attributes:
        body_type: One of `BODY_TYPES`.
        length: Bumper to bumper.
        width: Widest point without mirrors.
        height: Ground to roof.
        clearance: Ground to the lower edge of the body.
        nose: Height of the bonnet's front edge.
        cowl: Height of the windscreen's lower edge.
        cowl_x: Position of that edge.
        roof_front: Position of the windscreen's upper edge.
        roof_rear: Position of the rear window's upper edge.
        rear_glass: Position of the rear window's lower edge.
        deck: Height of that edge; of the bed's rim for a pickup.
        roof_width: Roof width as a share of `width`.
        corner: Length over which the bumper curves into the side.
        wheel_radius: Outer radius of the tyres.
        axle_front: Position of the front axle.
        axle_rear: Position of the rear axle.
        cargo: Height of the cargo box's roof; 0 where there is none.
        lean: How far the face leans back, about 1.
        crown: Length over which windscreen and rear window curve into the roof, about 1.
        squareness: Sharpness of corners seen from above, about 1.
        belt_rise: How much higher the side windows' lower edge is at the rear, metres.
    """

    body_type: str
    length: float
    width: float
    height: float
    clearance: float
    nose: float
    cowl: float
    cowl_x: float
    roof_front: float
    roof_rear: float
    rear_glass: float
    deck: float
    roof_width: float
    corner: float
    wheel_radius: float
    axle_front: float
    axle_rear: float
    cargo: float
    lean: float
    crown: float
    squareness: float
    belt_rise: float

    @property
    def cab_rear(self) -> float:
        """Rear end of the body that carries the windscreen: the cab of a truck, else the rear bumper."""
        return self.rear_glass if self.body_type == "box_truck" else -self.length / 2

    @property
    def roof_edge(self) -> float:
        """Height at which windows end and the roof begins, metres."""
        return self.height - (0.13 if self.body_type in (*CARS, "pickup") else 0.16)


# length, width, height, clearance, nose, cowl, bonnet, screen run, roof tail, glass tail, deck, roof width,
# corner, wheel radius, front overhang, rear overhang: low and high end of each.
_RANGES: dict[str, Array] = {
    "sedan": np.array(
        [[4.10, 1.66, 1.38, 0.14, 0.66, 0.90, 0.92, 0.75, 1.00, 0.35, 0.94, 0.68, 0.28, 0.30, 0.76, 0.88],
         [5.10, 1.92, 1.53, 0.20, 0.86, 1.02, 1.42, 1.15, 1.55, 0.75, 1.12, 0.82, 0.58, 0.36, 0.96, 1.12]]
    ),
    "coupe": np.array(
        [[3.90, 1.66, 1.20, 0.11, 0.60, 0.82, 1.00, 0.75, 1.10, 0.25, 0.86, 0.62, 0.30, 0.31, 0.76, 0.78],
         [4.75, 1.95, 1.40, 0.17, 0.78, 0.95, 1.55, 1.10, 1.70, 0.55, 1.02, 0.76, 0.60, 0.37, 0.96, 1.02]]
    ),
    "wagon": np.array(
        [[4.30, 1.68, 1.42, 0.15, 0.70, 0.92, 0.95, 0.75, 0.30, 0.06, 0.96, 0.70, 0.28, 0.30, 0.78, 0.85],
         [4.98, 1.90, 1.58, 0.20, 0.86, 1.03, 1.35, 1.05, 0.65, 0.22, 1.12, 0.82, 0.52, 0.36, 0.94, 1.08]]
    ),
    "hatchback": np.array(
        [[3.25, 1.54, 1.40, 0.14, 0.68, 0.92, 0.70, 0.60, 0.25, 0.05, 0.90, 0.70, 0.26, 0.28, 0.62, 0.52],
         [4.35, 1.82, 1.60, 0.20, 0.88, 1.06, 1.15, 1.00, 0.75, 0.20, 1.10, 0.84, 0.54, 0.35, 0.86, 0.76]]
    ),
    "suv": np.array(
        [[3.90, 1.70, 1.56, 0.20, 0.88, 1.05, 0.90, 0.40, 0.20, 0.03, 1.02, 0.74, 0.20, 0.34, 0.74, 0.68],
         [5.05, 2.00, 1.92, 0.32, 1.12, 1.26, 1.45, 0.90, 0.85, 0.20, 1.28, 0.92, 0.50, 0.43, 0.94, 1.04]]
    ),
    "mpv": np.array(
        [[4.00, 1.66, 1.56, 0.15, 0.76, 0.98, 0.62, 0.80, 0.22, 0.04, 0.98, 0.76, 0.24, 0.29, 0.72, 0.70],
         [5.10, 1.92, 1.82, 0.21, 0.98, 1.16, 1.05, 1.25, 0.55, 0.16, 1.18, 0.88, 0.48, 0.36, 0.94, 1.02]]
    ),
    "pickup": np.array(
        [[4.90, 1.74, 1.66, 0.24, 0.90, 1.06, 1.15, 0.50, 1.70, 1.65, 1.08, 0.76, 0.26, 0.37, 0.84, 1.05],
         [5.60, 2.04, 1.98, 0.36, 1.14, 1.28, 1.55, 0.85, 2.25, 1.95, 1.20, 0.84, 0.40, 0.42, 0.94, 1.25]]
    ),
    "van": np.array(
        [[4.00, 1.60, 1.80, 0.18, 0.82, 1.08, 0.35, 0.50, 0.16, 0.05, 1.12, 0.84, 0.20, 0.31, 0.72, 0.90],
         [5.80, 2.02, 2.55, 0.26, 1.04, 1.26, 0.95, 0.95, 0.32, 0.10, 1.30, 0.92, 0.36, 0.36, 0.92, 1.15]]
    ),
    "box_truck": np.array(
        [[6.00, 1.95, 2.15, 0.36, 0.95, 1.25, 0.10, 0.22, 0.00, 0.00, 1.30, 0.88, 0.16, 0.40, 1.00, 1.40],
         [7.80, 2.20, 2.45, 0.39, 1.10, 1.42, 0.20, 0.45, 0.00, 0.00, 1.45, 0.94, 0.28, 0.46, 1.20, 2.00]]
    ),
    "bus": np.array(
        [[8.50, 2.35, 2.85, 0.28, 0.85, 1.00, 0.04, 0.10, 0.14, 0.05, 1.20, 0.92, 0.18, 0.44, 2.10, 2.60],
         [11.5, 2.55, 3.25, 0.34, 1.05, 1.25, 0.10, 0.30, 0.30, 0.10, 1.60, 0.96, 0.34, 0.50, 2.70, 3.20]]
    ),
}  # fmt: skip


SHORTEST_ROOF = 0.85
"""Least distance between the upper edges of a car's windscreen and rear window, metres."""


def sample_shape(body_type: str, rng: np.random.Generator) -> BodyShape:
    """A random body of one type; parameters uniform within the type's range, for some cars mixed with another's."""
    drawn: NDArray[np.float64] = np.asarray(rng.uniform(*_RANGES[body_type]))
    if body_type in CARS and rng.random() < BLEND_CHANCE:
        other = CARS[int(rng.integers(len(CARS)))]
        share = float(rng.uniform(0.1, BLEND))
        drawn = (1 - share) * drawn + share * rng.uniform(*_RANGES[other])
    length, width, height, clearance, nose, cowl, bonnet, screen, roof_tail, glass_tail = (float(x) for x in drawn[:10])
    deck, roof_width, corner, wheel_radius, front_overhang, rear_overhang = (float(x) for x in drawn[10:])
    lean, crown, squareness, belt_rise = (float(x) for x in rng.uniform((0.3, 0.5, 0.7, 0.0), (1.9, 1.6, 1.7, 0.14)))
    cowl_x = length / 2 - bonnet
    glass_tail = min(glass_tail, roof_tail - 0.1)
    # however the draws fall, a roof is left between windscreen and rear window
    roof_tail = max(min(roof_tail, length - bonnet - screen - SHORTEST_ROOF), glass_tail + 0.1)
    cab_rear = length / 2 - float(rng.uniform(1.75, 2.05))
    truck, is_car = body_type == "box_truck", body_type in CARS
    return BodyShape(
        body_type, length, width, height, clearance, nose, cowl, cowl_x,
        roof_front=cowl_x - screen,
        roof_rear=cab_rear + 0.06 if truck else -length / 2 + roof_tail,
        rear_glass=cab_rear if truck else -length / 2 + glass_tail,
        deck=deck,
        roof_width=roof_width,
        corner=corner,
        wheel_radius=wheel_radius,
        axle_front=length / 2 - front_overhang,
        axle_rear=-length / 2 + rear_overhang,
        cargo=height + float(rng.uniform(0.1, 0.9)) if truck else 0.0,
        lean=lean if is_car else min(lean, 1.0),
        crown=crown,
        squareness=squareness,
        belt_rise=belt_rise if is_car else 0.3 * belt_rise,
    )  # fmt: skip
