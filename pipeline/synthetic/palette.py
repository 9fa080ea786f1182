"""Colours that vehicles and their small parts may have, sRGB in [0, 1], and how one is drawn."""

import numpy as np

from pipeline.synthetic.skin import Color

PAINTS: tuple[tuple[float, str, Color, Color], ...] = (
    (0.24, "white", (0.86, 0.86, 0.84), (0.97, 0.97, 0.96)),
    (0.13, "gray", (0.58, 0.58, 0.58), (0.74, 0.75, 0.76)),
    (0.13, "gray", (0.22, 0.23, 0.25), (0.42, 0.43, 0.45)),
    (0.15, "black", (0.03, 0.03, 0.03), (0.10, 0.10, 0.12)),
    (0.09, "red", (0.38, 0.02, 0.04), (0.90, 0.14, 0.12)),
    (0.10, "blue", (0.03, 0.08, 0.28), (0.30, 0.60, 0.95)),
    (0.04, "green", (0.04, 0.20, 0.10), (0.35, 0.82, 0.65)),
    (0.03, "yellow", (0.85, 0.68, 0.05), (0.95, 0.85, 0.25)),
    (0.03, "orange", (0.75, 0.28, 0.04), (0.95, 0.50, 0.15)),
    (0.03, "brown", (0.22, 0.13, 0.09), (0.38, 0.27, 0.20)),
    (0.02, "golden", (0.62, 0.54, 0.40), (0.74, 0.67, 0.54)),
)
"""Share of the fleet, name of the colour, low and high corner of its sRGB range."""

VIVID: tuple[Color, ...] = (
    (0.90, 0.12, 0.10), (0.95, 0.80, 0.10), (0.10, 0.65, 0.25), (0.10, 0.35, 0.85),
    (0.95, 0.95, 0.95), (0.95, 0.50, 0.10), (0.60, 0.20, 0.70), (0.10, 0.75, 0.80),
)  # fmt: skip
"""Colours of stickers, liveries and small things."""

PLATES: tuple[tuple[Color, Color], ...] = (
    ((0.95, 0.95, 0.95), (0.05, 0.05, 0.05)),
    ((0.10, 0.25, 0.70), (0.95, 0.95, 0.95)),
    ((0.95, 0.80, 0.15), (0.05, 0.05, 0.05)),
    ((0.35, 0.80, 0.45), (0.05, 0.05, 0.05)),
)
"""Ground and ink of plates."""


def between(low: Color, high: Color, rng: np.random.Generator) -> Color:
    """A colour between two corners, along their diagonal with a little play."""
    share = np.clip(rng.random() + rng.normal(0, 0.05, 3), 0, 1)
    r, g, b = (float(value) for value in np.asarray(low) + share * (np.asarray(high) - np.asarray(low)))
    return r, g, b


def pick(colors: tuple[Color, ...], rng: np.random.Generator) -> Color:
    """One of `colors`."""
    return colors[int(rng.integers(len(colors)))]


def maybe(chance: float, rng: np.random.Generator) -> Color | None:
    """A vivid colour, or None."""
    color = pick(VIVID, rng)
    return color if rng.random() < chance else None
