import math

import pytest
import torch

from pipeline.reid.losses import batch_hard_triplet_loss, reid_losses


def reference_triplet(distances: list[list[float]], identities: list[int], margin: float) -> float:
    """The definition, anchor by anchor."""
    terms = []
    for anchor, vehicle in enumerate(identities):
        others = [index for index in range(len(identities)) if index != anchor]
        positive = [distances[anchor][index] for index in others if identities[index] == vehicle]
        negative = [distances[anchor][index] for index in others if identities[index] != vehicle]
        if positive and negative:
            terms.append(max(0.0, margin + max(positive) - min(negative)))
    return sum(terms) / len(terms) if terms else 0.0


@pytest.mark.parametrize("identities", [[0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 2, 2], [0, 1, 2, 3, 4, 4]])
def test_triplet_loss_agrees_with_its_definition_on_any_distance_matrix(identities: list[int]) -> None:
    distances = torch.rand(6, 6, generator=torch.Generator().manual_seed(1)) * 2
    loss = batch_hard_triplet_loss(distances, torch.tensor(identities), 0.3)
    assert loss.item() == pytest.approx(reference_triplet(distances.tolist(), identities, 0.3))


def test_an_anchor_is_never_its_own_positive() -> None:
    distances = torch.tensor([[9.0, 1.0, 2.0], [1.0, 9.0, 2.0], [2.0, 2.0, 9.0]])
    assert batch_hard_triplet_loss(distances, torch.tensor([0, 0, 1]), 0.3).item() == 0.0


@pytest.mark.parametrize("identities", [[0, 0, 0], [0, 1, 2]])
def test_a_batch_without_triplets_has_a_loss_of_zero_and_a_gradient(identities: list[int]) -> None:
    distances = torch.rand(3, 3, requires_grad=True)
    loss = batch_hard_triplet_loss(distances, torch.tensor(identities), 0.3)
    loss.backward()
    assert loss.item() == 0.0
    assert distances.grad is not None
    assert not distances.grad.any()


def losses(**changes: object) -> dict[str, torch.Tensor]:
    settings: dict[str, object] = {
        "identity_weight": 2.0,
        "label_smoothing": 0.0,
        "triplet_weights": {"fused": 1.0, "part": 0.5},
        "margin": 0.3,
    } | changes
    logits = torch.zeros(4, 10)
    distances = {"fused": torch.ones(4, 4), "part": torch.ones(4, 4)}
    return reid_losses(logits, distances, torch.tensor([0, 0, 1, 1]), **settings)  # type: ignore[arg-type]


def test_losses_are_weighted_and_named() -> None:
    found = losses()
    assert set(found) == {"identity", "triplet_fused", "triplet_part"}
    assert found["identity"].item() == pytest.approx(2 * math.log(10))
    assert found["triplet_fused"].item() == pytest.approx(0.3)
    assert found["triplet_part"].item() == pytest.approx(0.15)


def test_a_weight_of_zero_leaves_a_loss_out() -> None:
    assert set(losses(triplet_weights={"fused": 1.0, "part": 0.0})) == {"identity", "triplet_fused"}
    assert set(losses(identity_weight=0.0)) == {"triplet_fused", "triplet_part"}


def test_weights_of_other_triplets_than_the_model_has_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="expected weights of fused, part, got global"):
        losses(triplet_weights={"global": 1.0})


def test_training_on_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        losses(identity_weight=0.0, triplet_weights={"fused": 0.0, "part": 0.0})
