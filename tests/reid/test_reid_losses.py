import math

import pytest
import torch

from pipeline.reid.losses import TRIPLET_LOSSES, adaptive_triplet_loss, batch_hard_triplet_loss, reid_losses


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


@pytest.mark.parametrize("triplet", TRIPLET_LOSSES)
@pytest.mark.parametrize("identities", [[0, 0, 0], [0, 1, 2]])
def test_a_batch_without_triplets_has_a_loss_of_zero_and_a_gradient(identities: list[int], triplet: str) -> None:
    distances = torch.rand(3, 3, requires_grad=True)
    loss = TRIPLET_LOSSES[triplet](distances, torch.tensor(identities), 0.3)
    loss.backward()
    assert loss.item() == 0.0
    assert distances.grad is not None
    assert not distances.grad.any()


def test_the_adaptive_triplet_of_a_batch_worked_out_by_hand() -> None:
    far, near = math.log(3), math.log(2)  # weights 3/4 and 1/4 of positives at ln 3 and 0, 1/3 and 2/3 of negatives
    distances = torch.tensor(
        [
            [0.0, far, 0.0, near, 0.0],
            [9.0, 0.0, 9.0, 8.0, 8.0],
            [9.0, 9.0, 0.0, 8.0, 8.0],
            [0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0],
        ]
    )
    # anchor 0: 3/4 ln 3 - 1/3 ln 2; anchors 1 and 2: 9 - 8; anchors 3 and 4, alone of their vehicles, do not count
    expected = (3 * 0.3 + 0.75 * far - near / 3 + 1 + 1) / 3
    assert adaptive_triplet_loss(distances, torch.tensor([0, 0, 0, 1, 2]), 0.3).item() == pytest.approx(expected)


def test_the_adaptive_triplet_of_very_unlike_distances_is_the_batch_hard_one() -> None:
    distances = torch.rand(8, 8, generator=torch.Generator().manual_seed(2))
    identities = torch.tensor([0, 0, 0, 1, 1, 1, 2, 3])
    hard = batch_hard_triplet_loss(distances, identities, 0.3)
    assert adaptive_triplet_loss(distances * 1e4, identities, 0.3e4).item() / 1e4 == pytest.approx(
        hard.item(), rel=1e-4
    )
    assert adaptive_triplet_loss(distances, identities, 0.3).item() < hard.item()


def test_the_adaptive_triplets_gradient_flows_through_its_weights_and_is_finite() -> None:
    distances = torch.tensor([[0.0, 1.0, 2.0, 2.5], [1.0, 0.0, 2.0, 2.5], [2.0, 2.0, 0.0, 1.0], [2.5, 2.5, 1.0, 0.0]])
    distances = (distances * 50).double().requires_grad_()  # far apart: softmax and softmin saturate
    adaptive_triplet_loss(distances, torch.tensor([0, 0, 1, 2]), 200.0).backward()
    assert distances.grad is not None
    assert distances.grad.isfinite().all()
    row = torch.tensor([[0.0, 0.2, 0.5, 0.4]] * 4, requires_grad=True)
    adaptive_triplet_loss(row, torch.tensor([0, 0, 0, 1]), 1.0).backward()
    assert row.grad is not None
    weight = torch.tensor([0.2, 0.5]).softmax(0)[0].item()  # of the nearer positive of anchor 0
    mean = weight * 0.2 + (1 - weight) * 0.5
    assert row.grad[0, 1].item() == pytest.approx(weight * (1 + 0.2 - mean) / 3)


@pytest.mark.parametrize("triplet", TRIPLET_LOSSES)
def test_losses_are_float32_under_mixed_precision(triplet: str) -> None:
    generator = torch.Generator().manual_seed(3)
    logits, distances = torch.randn(6, 5, generator=generator), torch.rand(6, 6, generator=generator)
    identities = torch.tensor([0, 0, 1, 1, 2, 2])

    def of(logits: torch.Tensor, distances: torch.Tensor) -> dict[str, torch.Tensor]:
        return reid_losses(
            logits,
            {"global": distances},
            identities,
            identity_weight=1,
            label_smoothing=0.1,
            triplet=triplet,
            triplet_weights={"global": 1},
            margin=0.3,
        )

    plain = of(logits.bfloat16().float(), distances.bfloat16().float())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = of(logits.bfloat16(), distances.bfloat16())
        assert mixed == plain
    assert {loss.dtype for loss in mixed.values()} == {torch.float32}


def losses(**changes: object) -> dict[str, torch.Tensor]:
    settings: dict[str, object] = {
        "identity_weight": 2.0,
        "label_smoothing": 0.0,
        "triplet": "batch_hard",
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
