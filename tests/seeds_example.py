"""Parameters of a small GrabCut."""

from pipeline.foreground.grabcut import GrabCutParams

PARAMS = GrabCutParams(
    size=32,
    padding=16,
    iterations=1,
    corner_radius=1.2,
    orientations=2,
    min_share=0.1,
    max_share=0.95,
    min_agreement=0.7,
)
