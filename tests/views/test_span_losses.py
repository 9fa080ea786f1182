import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.views.losses import area_loss, diversity_loss, reconstruction_loss


def random_batch(views: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(4, views, 5, 6, generator=generator)
    labels = (torch.rand(4, views, generator=generator) > 0.5).float()
    foreground = (torch.rand(4, 5, 6, generator=generator) > 0.5).float()
    return masks, labels, foreground


def test_reconstruction_is_the_mean_square_difference_of_the_named_masks_sum() -> None:
    masks, labels, foreground = random_batch()
    expected = np.mean(
        [
            (float(foreground[b, y, x]) - sum(float(labels[b, i] * masks[b, i, y, x]) for i in range(3))) ** 2
            for b, y, x in itertools.product(range(4), range(5), range(6))
        ]
    )
    assert float(reconstruction_loss(masks, labels, foreground)) == pytest.approx(expected, rel=1e-5)


def test_masks_the_label_does_not_name_take_no_part_in_reconstruction() -> None:
    masks, _, foreground = random_batch()
    labels = torch.tensor([[1.0, 0.0, 1.0]]).expand(4, 3)
    changed = masks.clone()
    changed[:, 1] = 0.123
    assert torch.equal(reconstruction_loss(masks, labels, foreground), reconstruction_loss(changed, labels, foreground))


def test_area_excess_is_summed_over_views_as_worked_by_hand() -> None:
    foreground = torch.zeros(1, 2, 4)
    foreground[0, 0] = 1  # area 4
    masks = torch.zeros(1, 3, 2, 4)
    masks[0, 0] = 0.5  # area 4, ratio 1
    masks[0, 1, 0, 0] = 0.4  # ratio 0.1
    masks[0, 2, 0, :2] = 1.0  # ratio 0.5
    loss = area_loss(masks, foreground, torch.tensor([[0.7, 0.0, 0.7]]))
    assert float(loss) == pytest.approx((1 - 0.7) + 0.1 + 0)


def test_images_with_an_empty_foreground_are_left_out_of_the_area_loss() -> None:
    masks, _, foreground = random_batch()
    max_area = torch.full((4, 3), 0.2)
    foreground[1] = 0
    kept = torch.tensor([0, 2, 3])
    masks.requires_grad_()
    loss = area_loss(masks, foreground, max_area)
    assert torch.allclose(loss, area_loss(masks[kept], foreground[kept], max_area[kept]))
    loss.backward()
    assert masks.grad is not None
    assert masks.grad.isfinite().all()
    assert not masks.grad[1].any()


def test_the_area_loss_of_nothing_but_empty_foregrounds_is_zero() -> None:
    masks, _, foreground = random_batch()
    assert float(area_loss(masks, torch.zeros_like(foreground), torch.zeros(4, 3))) == 0


def test_diversity_sums_each_pair_once_beyond_its_own_margin() -> None:
    masks = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    margins = torch.tensor([[0.0, 0.0, 0.04], [9.0, 0.0, 0.2], [9.0, 9.0, 0.0]])
    assert float(diversity_loss(masks, margins)) == pytest.approx(0.2 + (0.15 - 0.04) + 0, abs=1e-6)


def test_disjoint_masks_are_diverse() -> None:
    masks = torch.eye(4).view(1, 4, 2, 2)
    assert float(diversity_loss(masks, torch.zeros(4, 4))) == 0


def test_the_losses_do_not_depend_on_the_masks_resolution() -> None:
    masks, labels, foreground = random_batch()
    double = masks.repeat_interleave(2, 2).repeat_interleave(2, 3)
    larger = foreground.repeat_interleave(2, 1).repeat_interleave(2, 2)
    limits, margins = torch.full((4, 3), 0.1), torch.full((3, 3), 0.1)
    assert torch.allclose(reconstruction_loss(masks, labels, foreground), reconstruction_loss(double, labels, larger))
    assert torch.allclose(area_loss(masks, foreground, limits), area_loss(double, larger, limits))
    assert torch.allclose(diversity_loss(masks, margins), diversity_loss(double, margins))


PATTERNS = ("bright", "dark", "striped")


def draw_patterns(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Grey noise with one or two patterned squares, as the paper's multi-digit images; labels; half-size masks."""
    rng = np.random.default_rng(seed)
    stripes = np.where(np.arange(6)[:, None] % 2, 1.0, -1.0).repeat(6, 1)
    stamps = np.stack([np.ones((6, 6)), -np.ones((6, 6)), stripes])
    images = rng.normal(0, 0.1, (count, 1, 16, 16)).astype(np.float32)
    labels, truth = np.zeros((count, 3), np.float32), np.zeros((count, 3, 8, 8), np.float32)
    for image in range(count):
        for column, pattern in enumerate(rng.choice(3, rng.integers(1, 3), replace=False)):
            row, start = rng.integers(0, 6), 4 * column + rng.integers(0, 2)
            images[image, 0, 2 * row : 2 * row + 6, 2 * start : 2 * start + 6] += stamps[pattern]
            truth[image, pattern, row : row + 3, start : start + 3] = labels[image, pattern] = 1
    return torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(truth)


def small_network() -> nn.Module:
    """Three masks at half the images' resolution."""
    torch.manual_seed(0)
    norms = [nn.BatchNorm2d(16), nn.BatchNorm2d(16)]
    first, second = nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.Conv2d(16, 16, 3, padding=1)
    return nn.Sequential(
        first, norms[0], nn.ReLU(), second, norms[1], nn.ReLU(), nn.Conv2d(16, len(PATTERNS), 1), nn.Sigmoid()
    )


def learn_patterns(network: nn.Module, weights: tuple[float, float, float], steps: int) -> None:
    images, labels, truth = draw_patterns(256, seed=1)
    foreground = truth.sum(1)
    max_area = labels * torch.where(labels.sum(1, keepdim=True) > 1, 0.7, 1.0)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for step in range(steps):
        batch = torch.arange(32) + 32 * (step % 8)
        masks = network(images[batch])
        loss = weights[0] * reconstruction_loss(masks, labels[batch], foreground[batch])
        loss = loss + weights[1] * area_loss(masks, foreground[batch], max_area[batch])
        loss = loss + weights[2] * diversity_loss(masks, torch.zeros(3, 3))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def localisation(network: nn.Module) -> float:
    """Mean intersection over union of the masks of the patterns shown, on images not learnt from."""
    images, labels, truth = draw_patterns(64, seed=2)
    with torch.no_grad():
        masks = network.eval()(images) > 0.5
    both = (masks & (truth > 0)).sum((2, 3))
    either = (masks | (truth > 0)).sum((2, 3))
    return float((both / either.clamp(min=1))[labels > 0].mean())


def test_image_level_labels_alone_teach_each_generator_its_own_pattern() -> None:
    network = small_network()
    learn_patterns(network, (1.0, 0.5, 1.0), steps=200)
    assert localisation(network) > 0.8


def test_over_a_batch_images_without_an_overlap_let_another_overlap_further() -> None:
    masks = torch.zeros(2, 2, 4, 4)
    masks[0] = 0.3  # an overlap of 0.09 in one image, 0.045 over both
    margins = torch.full((2, 2), 0.05)
    assert float(diversity_loss(masks, margins)) == pytest.approx((0.09 - 0.05) / 2)
    assert float(diversity_loss(masks, margins, "batch")) == 0
    assert float(diversity_loss(masks, margins - 0.02, "batch")) == pytest.approx(0.045 - 0.03)
