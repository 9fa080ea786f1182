import pytest
import torch

from pipeline.networks.backbone import Backbone, BackboneParams
from pipeline.networks.cells import Cells
from pipeline.reid.blocks.part_grid import average_masks, rasterise, top_boxes
from pipeline.store.boxes import flip_boxes


def equal_cells(count: int) -> Cells:
    return Cells(count, 0.5 / count, 1 / count)


PADDED = Cells(count=4, first=1 / 128, step=0.25)
"""A ResNet's cells of a 64-pixel image: the first looks at the left border, none at the right one."""


def test_top_boxes_are_the_first_of_each_image() -> None:
    boxes = torch.rand(2, 5, 4)
    assert torch.equal(top_boxes(boxes, 3), boxes[:, :3])
    assert top_boxes(boxes, 0).shape == (2, 0, 4)


def test_asking_for_more_boxes_than_are_cached_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="5 cached boxes per image, got 6"):
        top_boxes(torch.rand(2, 5, 4), 6)


def test_a_box_owns_the_cells_whose_centres_it_covers() -> None:
    mask = rasterise(torch.tensor([[[0.25, 0.0, 0.75, 0.5]]]), equal_cells(4))[0, 0]
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
    mask = rasterise(torch.tensor([[box]]), equal_cells(4))[0, 0]
    assert mask.sum() == 1
    assert mask[cell] == 1


def test_no_mask_is_ever_empty_and_batches_agree_with_single_boxes() -> None:
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(8, 6, 2, 2, generator=generator).sort(dim=2).values
    boxes = corners.flatten(2)
    masks = rasterise(boxes, PADDED)
    assert masks.shape == (8, 6, 4, 4)
    assert masks.flatten(2).sum(-1).min() >= 1
    single = rasterise(boxes[3:4, 2:3], PADDED)
    assert torch.equal(masks[3, 2], single[0, 0])


def test_a_box_owns_the_cells_that_look_into_it_and_not_the_equal_cells_of_the_image() -> None:
    mask = rasterise(torch.tensor([[[0.2, 0.2, 0.3, 0.3]]]), PADDED)[0, 0]
    assert mask.nonzero().tolist() == [[1, 1]], "cell 1 looks at 0.258"


def test_after_a_flip_boxes_own_the_cells_that_look_at_the_mirrored_part() -> None:
    box = torch.tensor([[[0.2, 0.2, 0.3, 0.3]]])
    mirrored = torch.from_numpy(flip_boxes(box[0].numpy()))[None]  # 0.7 to 0.8 from the left
    assert rasterise(mirrored, PADDED)[0, 0].nonzero().tolist() == [[1, 3]], "cell 3 looks at 0.758"


def test_a_boxs_cells_are_those_of_the_network_that_change_most_when_it_is_painted_over() -> None:
    torch.manual_seed(0)
    images, side = torch.rand(16, 3, 96, 96), 96
    cells = Backbone(BackboneParams("resnet10_narrow", True, 1)).cells(side)
    box = torch.tensor([[[(32 - 7) / side, (48 - 7) / side, (32 + 8) / side, (48 + 8) / side]]])
    painted = images.clone()
    painted[:, :, 41:56, 25:40] = 3.0
    change = torch.zeros(6, 6)
    for seed in range(6):
        torch.manual_seed(seed)
        network = Backbone(BackboneParams("resnet10_narrow", True, 1)).eval()
        with torch.no_grad():
            change += (network(painted) - network(images)).abs().mean((0, 1))
    assert rasterise(box, cells)[0, 0].flatten().argmax() == change.flatten().argmax()


def test_view_masks_are_averaged_where_the_cells_look() -> None:
    masks = torch.zeros(1, 1, 64, 64, dtype=torch.uint8)
    masks[..., 8:24] = 255  # one step around x = 16, where cell 1 looks
    found = average_masks(masks, Cells(4, 0.0, 0.25))
    assert torch.allclose(found[0, 0], torch.tensor([0.0, 1, 0, 0]).expand(4, 4), atol=1e-6)
    even = average_masks(torch.full((2, 3, 48, 48), 51, dtype=torch.uint8), PADDED)
    assert torch.allclose(even, torch.full((2, 3, 4, 4), 0.2))
