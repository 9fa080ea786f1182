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
    ("module", "own", "weights", "gradients", "feature"),
    [
        (baseline, {}, 39741.6917, 19156.0, 10.965813),
        (pgan, {}, 45662.3876, 36041.2, 9.139522),
        (pgan, {"attention": "grid"}, 45662.3876, 42514.2, 9.027113),
        (pgan, {"top_d": 0, "attention": "uniform"}, 43871.3241, 52381.9, 11.027765),
        (span, {}, 112810.8965, 8401.65, 30.348740),
        (span, {"compared_by": "euclidean", "embedded_dimension": 8}, 112779.9966, 7160.72, 5.279552),
        (span, {"compared_by": "euclidean", "part_dimension": 0}, 38558.1210, 8818.22, 18.502172),
        (fused, {}, 46654.2989, 47754.4, 40.624464),
        (fused, {"view_ratio": 0.25, "attention_layers": "release"}, 46469.4215, 47025.0, 42.16478),
    ],
)
def test_a_seed_gives_a_network_the_weights_the_features_and_the_gradients_it_always_gave(
    module: ModuleType, own: dict[str, Any], weights: float, gradients: float, feature: float
) -> None:
    torch.manual_seed(0)
    model = network(module, **own)
    assert sum(map(total, model.state_dict().values())) == pytest.approx(weights, abs=1e-3)
    with torch.no_grad():
        assert total(model.eval()(batch()).feature) == pytest.approx(feature, rel=1e-4)
    output = model.train()(batch())
    distances = sum(distance.mean() for distance in output.distances.values())
    (cross_entropy(output.logits, batch().identities) + distances).backward()
    found = sum(total(value.grad) for value in model.parameters() if value.grad is not None)
    assert found == pytest.approx(gradients, rel=1e-3)  # a step of Adam's would enlarge rounding
