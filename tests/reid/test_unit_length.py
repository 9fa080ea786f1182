from types import ModuleType
from typing import Any

import pytest
import torch
from reid_example import batch, network

from pipeline.reid.blocks.unit_length import unit_length
from pipeline.reid.models import baseline, fused, pgan, span


def test_length_1_along_the_last_axis_and_nothing_stays_nothing() -> None:
    found = unit_length(torch.tensor([[[3.0, 4.0], [0.0, 0.0]]]))
    assert torch.allclose(found, torch.tensor([[[0.6, 0.8], [0.0, 0.0]]]))


@pytest.mark.parametrize(
    ("module", "own"), [(baseline, {}), (pgan, {}), (span, {"normalised": True}), (fused, {"class_least_score": 0.0})]
)
def test_in_mixed_precision_features_are_of_length_1_as_well(module: ModuleType, own: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = network(module, **own).eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        feature = model(batch()).feature
    lengths = torch.stack([block.double().norm(dim=1) for block in feature.split(list(model.dimensions), 1)], 1)
    assert torch.allclose(lengths, lengths.round(), atol=1e-5), "1, or 0 of what an image does not show"
    assert (lengths[:, 0] > 0.5).all()
