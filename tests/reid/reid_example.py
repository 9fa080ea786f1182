"""A tiny architecture and batch for the re-ID models' tests."""

from typing import Any

import torch

from pipeline.reid.network import ReidArchitecture, ReidBatch

SIZE = 32


def architecture(**changes: Any) -> ReidArchitecture:
    """Smallest network of the family, with `changes`."""
    values: dict[str, Any] = {
        "architecture": "resnet10_narrow",
        "stem_pooling": True,
        "last_stride": 1,
        "input_size": SIZE,
        "dimension": 16,
        "top_d": 2,
        "attention_temperature": 1.0,
        "global_dimension": 12,
        "part_dimension": 8,
    }
    return ReidArchitecture(**(values | changes))


def batch() -> ReidBatch:
    """Four images of two vehicles, four boxes each; the fourth image shows no view."""
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
        masks=masks,
        area_ratios=torch.cat([torch.ones(4, 1), ratios], 1),
        identities=torch.tensor([0, 0, 1, 1]),
    )
