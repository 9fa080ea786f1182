"""What a seed makes of each network, so that a change of its code alone changes none of its figures."""

from types import ModuleType
from typing import Any

import pytest
import torch
from reid_example import batch, network
from torch.nn.functional import cross_entropy

from pipeline.reid.models import baseline, fused, pgan, span


def total(values: torch.Tensor) -> float:
    return float(values.double().abs().sum())


@pytest.mark.parametrize(
    ("module", "own", "weights", "trained", "feature"),
    [
        (baseline, {}, 39741.6917, 39821.5716, 13.763103),
        (pgan, {}, 45662.3876, 45752.4905, 13.872522),
        (pgan, {"attention": "grid"}, 45662.3876, 45755.0512, 13.700186),
        (pgan, {"top_d": 0, "attention": "uniform"}, 43871.3241, 43959.5270, 14.319490),
        (span, {}, 112810.8965, 112704.1184, 19.348456),
        (span, {"compared_by": "euclidean", "embedded_dimension": 8}, 112779.9966, 112665.6321, 3.013771),
        (span, {"compared_by": "euclidean", "part_dimension": 0}, 38558.1210, 38630.0980, 10.499258),
        (fused, {}, 45901.9742, 45998.0532, 40.379005),
        (fused, {"view_scale": 0.5, "attention_layers": "release"}, 45713.2662, 45808.9908, 27.452439),
    ],
)
def test_a_seed_gives_a_network_the_weights_and_the_features_it_always_gave(
    module: ModuleType, own: dict[str, Any], weights: float, trained: float, feature: float
) -> None:
    torch.manual_seed(0)
    model = network(module, **own).train()
    assert sum(map(total, model.state_dict().values())) == pytest.approx(weights, abs=1e-3)
    optimiser = torch.optim.Adam([value for value in model.parameters() if value.requires_grad], 1e-3)
    for _ in range(2):
        output = model(batch())
        distances = sum(distance.mean() for distance in output.distances.values())
        optimiser.zero_grad()
        (cross_entropy(output.logits, batch().identities) + distances).backward()
        optimiser.step()
    assert sum(map(total, model.state_dict().values())) == pytest.approx(trained, rel=1e-6)
    with torch.no_grad():
        assert total(model.eval()(batch()).feature) == pytest.approx(feature, rel=1e-3)
