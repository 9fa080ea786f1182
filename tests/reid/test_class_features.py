import pytest
import torch
from reid_example import batch
from torch.nn.functional import normalize

from pipeline.networks.cells import Cells
from pipeline.reid.blocks.class_features import ClassFeatures, ClassParams, best_boxes
from pipeline.store.vocabulary import PART_CLASSES

FINE, COARSE = Cells(8, 1 / 16, 1 / 8), Cells(4, 1 / 8, 1 / 4)


def features(**changes: float) -> ClassFeatures:
    torch.manual_seed(0)
    params = ClassParams(**({"class_dimension": 4, "class_boxes": 4} | changes))  # type: ignore[arg-type]
    return ClassFeatures((3, 5), (FINE, COARSE), params).eval()


def maps() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(4, 3, 8, 8, generator=generator), torch.rand(4, 5, 4, 4, generator=generator)


def test_the_best_box_of_a_class_is_its_surest_wherever_it_stands() -> None:
    given = batch()
    scores = given.scores.clone()
    scores[0] = torch.tensor([0.3, 0.8, 0.7, 0.6])  # class 3 has the boxes 0 and 2
    boxes, best = best_boxes(given.boxes, given.labels, scores)
    assert torch.equal(boxes[0, 3], given.boxes[0, 2])
    assert torch.equal(boxes[1, 3], given.boxes[1, 0])
    assert best[0, 3] == torch.tensor(0.7)
    assert torch.equal(best[:, 1], scores[:, 1])
    assert (best[:, [0, 2, 15]] == 0).all()


def test_a_class_is_shown_from_the_least_score_on() -> None:
    scores = torch.tensor([[0.2, 0.19, 0.0, 0.9]] * 4)
    _, shown = features(class_least_score=0.2).best(batch()._replace(scores=scores))
    assert [PART_CLASSES[k] for k in shown[0].nonzero()[:, 0].tolist()] == [PART_CLASSES[3], PART_CLASSES[14]]


def test_only_the_first_boxes_are_read_and_too_few_are_refused() -> None:
    _, shown = features(class_boxes=2).best(batch())
    assert shown[:, 14].sum() == 0
    with pytest.raises(ValueError, match="number of parts from 0 to the 4 cached boxes per image, got 5"):
        features(class_boxes=5).best(batch())


def test_a_feature_is_of_the_means_of_both_maps_inside_the_box_each_at_its_own_grid() -> None:
    block, (fine, coarse) = features(), maps()
    boxes = torch.tensor([0.5, 0.5, 0.75, 0.75]).expand(4, len(PART_CLASSES), 4)
    shown = torch.ones(4, len(PART_CLASSES))
    shown[2, 7] = 0
    with torch.no_grad():
        found = block((fine, coarse), boxes, shown)
        mean = torch.cat([fine[:, :, 4:6, 4:6].mean((2, 3)), coarse[:, :, 2, 2]], 1)
        expected = normalize(mean @ block.project.weight[7 * 4 : 8 * 4, :, 0].T)
    assert found.shape == (4, 4 * len(PART_CLASSES))
    of_class = found[:, 7 * 4 : 8 * 4]
    assert torch.allclose(of_class[[0, 1, 3]], expected[[0, 1, 3]], atol=1e-4)  # the fresh norm has an epsilon
    assert (of_class[2] == 0).all()


def test_a_class_without_a_box_is_not_shown_however_little_is_asked() -> None:
    scores = torch.tensor([[0.2, 0.19, 0.0, 0.9]] * 4)
    _, shown = features(class_least_score=0.0).best(batch()._replace(scores=scores))
    assert shown[0].nonzero()[:, 0].tolist() == [1, 3, 14]
