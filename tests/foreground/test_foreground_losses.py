import pytest
import torch
from torch.nn.functional import binary_cross_entropy, mse_loss

from pipeline.foreground.losses import abnormal, hardest, mask_losses, own_targets


def test_each_samples_loss_is_the_reference_over_its_own_pixels() -> None:
    logits, targets = torch.randn(3, 4, 4), torch.rand(3, 4, 4)
    squared, entropy = mask_losses(logits, targets, "mse"), mask_losses(logits, targets, "bce")
    for index in range(3):
        probabilities = logits[index].sigmoid()
        torch.testing.assert_close(squared[index], mse_loss(probabilities, targets[index]))
        torch.testing.assert_close(entropy[index], binary_cross_entropy(probabilities, targets[index]))


def test_abnormal_losses_lie_far_above_the_median_in_units_of_the_median_deviation() -> None:
    losses = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 100.0])  # median 4, median deviation 2
    assert abnormal(losses, 1.0).tolist() == [False] * 5 + [True, True]
    assert abnormal(losses, 3.0).tolist() == [False] * 6 + [True]
    assert not abnormal(losses, 1000.0).any()


def test_equal_losses_and_no_losses_have_nothing_abnormal() -> None:
    assert not abnormal(torch.ones(5), 3.0).any()
    assert abnormal(torch.zeros(0), 3.0).shape == (0,)


def test_the_half_with_the_largest_losses_takes_the_networks_own_output() -> None:
    logits = torch.randn(4, 2, 2, requires_grad=True)
    targets = torch.full((4, 2, 2), 0.25)
    relabelled = own_targets(logits, targets, hardest(torch.tensor([0.1, 0.9, 0.2, 0.8]), 0.5))
    assert torch.equal(relabelled[[0, 2]], targets[[0, 2]])
    assert torch.equal(relabelled[[1, 3]], (logits[[1, 3]] > 0).float())
    assert not relabelled.requires_grad


@pytest.mark.parametrize("share", [0.0, 0.24])
def test_a_share_of_less_than_one_sample_relabels_none(share: float) -> None:
    targets = torch.rand(4, 2, 2)
    assert torch.equal(own_targets(torch.randn(4, 2, 2), targets, hardest(torch.rand(4), share)), targets)
