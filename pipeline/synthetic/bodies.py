"""Bodies of seven vehicle types: their shape parameters and how these are drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BODY_TYPES: tuple[str, ...] = ("sedan", "hatchback", "suv", "pickup", "van", "box_truck", "bus")


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

    @property
    def cab_rear(self) -> float:
        """Rear end of the body that carries the windscreen: the cab of a truck, else the rear bumper."""
        return self.rear_glass if self.body_type == "box_truck" else -self.length / 2

    @property
    def roof_edge(self) -> float:
        """Height at which windows end and the roof begins, metres."""
        return self.height - (0.13 if self.body_type in ("sedan", "hatchback", "suv", "pickup") else 0.16)


# length, width, height, clearance, nose, cowl, bonnet, screen run, roof tail, glass tail, deck, roof width,
# corner, wheel radius, front overhang, rear overhang: low and high end of each.
_RANGES: dict[str, Array] = {
    "sedan": np.array(
        [[4.35, 1.72, 1.41, 0.16, 0.71, 0.93, 1.02, 0.80, 1.15, 0.42, 1.00, 0.70, 0.34, 0.30, 0.82, 0.92],
         [5.00, 1.88, 1.51, 0.20, 0.84, 1.02, 1.40, 1.10, 1.55, 0.75, 1.12, 0.79, 0.56, 0.35, 0.96, 1.10]]
    ),
    "hatchback": np.array(
        [[3.55, 1.62, 1.46, 0.16, 0.73, 0.96, 0.82, 0.66, 0.36, 0.07, 0.94, 0.72, 0.30, 0.28, 0.70, 0.55],
         [4.25, 1.80, 1.58, 0.20, 0.86, 1.05, 1.10, 0.95, 0.70, 0.16, 1.08, 0.82, 0.50, 0.33, 0.84, 0.72]]
    ),
    "suv": np.array(
        [[4.25, 1.78, 1.62, 0.22, 0.90, 1.08, 1.00, 0.58, 0.36, 0.06, 1.08, 0.75, 0.28, 0.35, 0.80, 0.75],
         [4.95, 1.96, 1.86, 0.28, 1.06, 1.20, 1.38, 0.88, 0.80, 0.18, 1.22, 0.86, 0.48, 0.41, 0.92, 1.00]]
    ),
    "pickup": np.array(
        [[5.00, 1.80, 1.72, 0.26, 0.92, 1.10, 1.25, 0.60, 1.85, 1.65, 1.08, 0.76, 0.26, 0.37, 0.84, 1.05],
         [5.40, 1.96, 1.90, 0.32, 1.04, 1.20, 1.45, 0.78, 2.15, 1.90, 1.20, 0.84, 0.40, 0.42, 0.94, 1.25]]
    ),
    "van": np.array(
        [[4.60, 1.72, 1.86, 0.20, 0.86, 1.12, 0.55, 0.60, 0.16, 0.05, 1.12, 0.84, 0.20, 0.31, 0.72, 0.90],
         [5.50, 1.98, 2.30, 0.26, 1.04, 1.26, 0.95, 0.95, 0.32, 0.10, 1.30, 0.92, 0.36, 0.36, 0.92, 1.15]]
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


def sample_shape(body_type: str, rng: np.random.Generator) -> BodyShape:
    """A random body of one type; every parameter uniform within the type's range."""
    low, high = _RANGES[body_type]
    drawn = [float(value) for value in rng.uniform(low, high)]
    length, width, height, clearance, nose, cowl, bonnet, screen, roof_tail, glass_tail = drawn[:10]
    deck, roof_width, corner, wheel_radius, front_overhang, rear_overhang = drawn[10:]
    cowl_x = length / 2 - bonnet
    cab_rear = length / 2 - float(rng.uniform(1.75, 2.05))
    truck = body_type == "box_truck"
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
        cargo=height + float(rng.uniform(0.25, 0.75)) if truck else 0.0,
    )  # fmt: skip
