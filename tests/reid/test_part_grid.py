import pytest
import torch

from pipeline.reid.blocks.part_grid import rasterise, top_boxes


def test_top_boxes_are_the_first_of_each_image() -> None:
    boxes = torch.rand(2, 5, 4)
    assert torch.equal(top_boxes(boxes, 3), boxes[:, :3])
    assert top_boxes(boxes, 0).shape == (2, 0, 4)


def test_asking_for_more_boxes_than_are_cached_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="5 cached boxes per image, got 6"):
        top_boxes(torch.rand(2, 5, 4), 6)


def test_a_box_owns_the_cells_whose_centres_it_covers() -> None:
    mask = rasterise(torch.tensor([[[0.25, 0.0, 0.75, 0.5]]]), 4, 4)[0, 0]
    expected = torch.tensor([[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]).float()
    assert torch.equal(mask, expected)


@pytest.mark.parametrize(
    ("box", "cell"),
    [
        ((0.51, 0.26, 0.52, 0.27), (1, 2)),  # between four centres
        ((0.0, 0.0, 0.01, 0.01), (0, 0)),
        ((0.99, 0.99, 1.0, 1.0), (3, 3)),
        ((0.0, 0.26, 1.0, 0.3), (1, 2)),  # wide, yet too flat to cover a centre
        ((1.0, 1.0, 1.0, 1.0), (3, 3)),  # on the far edge
    ],
)
def test_a_box_that_covers_no_centre_owns_the_cell_of_its_own_centre(
    box: tuple[float, float, float, float], cell: tuple[int, int]
) -> None:
    mask = rasterise(torch.tensor([[box]]), 4, 4)[0, 0]
    assert mask.sum() == 1
    assert mask[cell] == 1


def test_no_mask_is_ever_empty_and_batches_agree_with_single_boxes() -> None:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(8, 6, 2, 2, generator=generator).sort(dim=2).values
    boxes = corners.flatten(2)
    masks = rasterise(boxes, 7, 5)
    assert masks.shape == (8, 6, 7, 5)
    assert masks.flatten(2).sum(-1).min() >= 1
    single = rasterise(boxes[3:4, 2:3], 7, 5)
    assert torch.equal(masks[3, 2], single[0, 0])


def test_mirrored_boxes_give_mirrored_masks() -> None:
    boxes = torch.tensor([[[0.1, 0.3, 0.43, 0.9]]])
    mirrored = torch.tensor([[[0.57, 0.3, 0.9, 0.9]]])
    assert torch.equal(rasterise(mirrored, 14, 14), rasterise(boxes, 14, 14).flip(-1))
