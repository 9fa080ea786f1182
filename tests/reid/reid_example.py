"""A tiny shape, networks and a batch for the re-ID models' tests."""

from types import ModuleType
from typing import Any

import torch

from pipeline.reid.network import ReidBatch, ReidNetwork, ReidShapeParams

SIZE = 32
CLASSES = 3
OWN: dict[str, dict[str, Any]] = {
    "baseline": {"dimension": 16},
    "pgan": {"dimension": 16, "top_d": 2},
    "fused": {"dimension": 16, "top_d": 2, "view_dimension": 8, "class_dimension": 4, "class_boxes": 4},
    "span": {"global_dimension": 12, "part_dimension": 8},
}
"""Network -> its own parameters, as small as they may be."""


def shape(**changes: Any) -> ReidShapeParams:
    """Smallest shape, with `changes`."""
    values: dict[str, Any] = {
        "backbone": "resnet10_narrow",
        "stem_pooling": True,
        "last_stride": 1,
        "input_size": SIZE,
    }
    return ReidShapeParams(**(values | changes))


def network(module: ModuleType, backbone: str = "resnet10_narrow", **changes: Any) -> ReidNetwork:
    """Smallest network of a module of `pipeline.reid.models`, its own parameters with `changes`."""
    own = module.NetworkParams(**(OWN[module.__name__.rpartition(".")[2]] | changes))
    return module.Network(shape(backbone=backbone), own, CLASSES)


def batch() -> ReidBatch:
    """Four images of two vehicles, four boxes each of four classes; the fourth image shows no view and no part."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(4, 4, 2, 2, generator=generator).sort(dim=2).values
    masks = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=generator)
    masks[3] = 0
    masks[2, 1] = 0
    areas = masks.float().sum((2, 3))
    ratios = areas / areas.sum(1, keepdim=True).clamp(min=1)
    return ReidBatch(
        images=torch.randint(0, 256, (4, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator),
        boxes=corners.flatten(2),
        labels=torch.tensor([[3, 1, 3, 14]] * 4, dtype=torch.uint8),
        scores=torch.tensor([[0.9, 0.8, 0.7, 0.6], [0.9, 0.8, 0.3, 0.1], [0.5, 0.4, 0.3, 0.2], [0.1, 0.1, 0.0, 0.0]]),
        masks=masks,
        area_ratios=torch.cat([torch.ones(4, 1), ratios], 1),
        identities=torch.tensor([0, 0, 1, 1]),
    )
