import torch

from pipeline.reid.models import baseline
from pipeline.reid.network import BatchNormNeck
from tests.reid.reid_example import batch, network


def test_the_baseline_reads_images_only() -> None:
    torch.manual_seed(0)
    model = network(baseline).eval()
    given = batch()
    blind = given._replace(boxes=given.boxes[:, :0], masks=given.masks[:, :, :0, :0], area_ratios=given.area_ratios * 0)
    with torch.no_grad():
        assert torch.equal(model(given).feature, model(blind).feature)
    assert model.inputs == ()


def test_the_test_feature_is_taken_after_the_neck_and_has_length_one() -> None:
    torch.manual_seed(0)
    model = network(baseline)
    for _ in range(3):
        model.train()(batch())
    with torch.no_grad():
        found = model.eval()(batch()).feature
    assert torch.allclose(found.norm(dim=1), torch.ones(4))
    assert (found < 0).any(), "before the neck every value is positive"


def test_training_gives_logits_and_one_distance() -> None:
    output = network(baseline).train()(batch())
    assert output.logits.shape == (4, 3)
    assert set(output.distances) == {"global"}


def test_the_neck_has_no_shift_and_its_classifier_no_bias() -> None:
    neck = BatchNormNeck(5, 3)
    trained = {name for name, value in neck.named_parameters() if value.requires_grad}
    assert trained == {"norm.weight", "classifier.weight"}
