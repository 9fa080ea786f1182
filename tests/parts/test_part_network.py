from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from older_weights import check_older_weights_are_refused
from torch import nn
from torchvision.models.detection.ssd import SSD

from pipeline.networks.architectures import build_architecture
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.weights import save
from pipeline.parts.network import (
    CLASSES,
    DetectorNetworkParams,
    LeanSSD,
    ResnetSsdParams,
    build_detector,
    hardest_negatives,
    input_size,
    restore,
    settled,
)
from pipeline.parts.trained_on import KIND
from pipeline.store.vocabulary import PART_CLASSES
from tests.parts.vgg_weights import scaled, write_vgg

SCRATCH = PretrainedParams(None)


def shape(**changes: object) -> ResnetSsdParams:
    values = {
        "size": 64,
        "backbone": "resnet10_narrow",
        "stem_stride": 4,
        "layers": (1, 3),
        "channels": 16,
        "scales": (0.1, 0.2, 0.4, 0.8),
        "aspect_ratios": (2.0,),
    }
    return ResnetSsdParams(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("network", "size"),
    [
        (DetectorNetworkParams("ssdlite320_mobilenet_v3_large", None), 320),
        (DetectorNetworkParams("ssd_resnet", shape()), 64),
    ],
)
def test_each_light_detector_scores_all_part_classes_and_background(network: DetectorNetworkParams, size: int) -> None:
    detector = build_detector(network, SCRATCH).eval()
    assert input_size(detector) == size
    assert detector.head.classification_head.num_columns == CLASSES == len(PART_CLASSES) + 1
    assert detector.head.regression_head.num_columns == 4


@pytest.mark.parametrize("stem_stride", [2, 4])
@pytest.mark.parametrize(("layers", "strides"), [((1, 3), [4, 8, 16]), ((2, 4), [8, 16, 32])])
def test_heads_read_the_layers_asked_for(stem_stride: int, layers: tuple[int, int], strides: list[int]) -> None:
    detector = build_detector(
        DetectorNetworkParams("ssd_resnet", shape(stem_stride=stem_stride, layers=layers)), SCRATCH
    )
    maps = detector.eval().backbone(torch.rand(1, 3, 64, 64))
    assert [64 // feature.shape[-1] for feature in maps.values()] == strides


def test_the_maps_of_a_network_of_timms_are_those_of_the_same_strides(tmp_path: Path) -> None:
    source = build_architecture("tf_efficientnet_lite0")
    torch.save(source.state_dict(), tmp_path / "lite.pth")
    lite = shape(backbone="tf_efficientnet_lite0", stem_stride=2, frozen_levels=3)
    detector = build_detector(
        DetectorNetworkParams("ssd_resnet", lite), PretrainedParams(str(tmp_path / "lite.pth"))
    ).train()
    maps = detector.backbone(torch.rand(1, 3, 64, 64))
    assert [64 // feature.shape[-1] for feature in maps.values()] == [4, 8, 16]
    stem, first = detector.backbone.stages[0][0], detector.backbone.stages[0][2]
    assert torch.equal(stem.weight, source.conv_stem.weight)
    assert not any(weight.requires_grad for weight in [*stem.parameters(), *first.parameters()])
    assert all(weight.requires_grad for weight in detector.backbone.stages[2].parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stem_stride": 4}, "stem_stride: expected 2, because tf_efficientnet_lite0 has no pooling"),
        ({"layers": (1, 5)}, "layers: expected the first and the last of 1 to 4"),
        ({"frozen_levels": 4}, "frozen_levels: expected at most the 3 of the first map, got 4"),
    ],
)
def test_maps_that_a_network_of_timms_does_not_have_are_refused(change: dict[str, object], message: str) -> None:
    lite = shape(**{"backbone": "tf_efficientnet_lite0", "stem_stride": 2, **change})
    with pytest.raises(ValueError, match=message):
        build_detector(DetectorNetworkParams("ssd_resnet", lite), SCRATCH)


def test_levels_of_a_detector_without_pretrained_weights_are_not_frozen() -> None:
    with pytest.raises(ValueError, match=r"frozen_levels: expected 0 where pretrained\.source is null"):
        settled(DetectorNetworkParams("ssd_resnet", shape(frozen_levels=1)), SCRATCH)


def test_training_returns_two_losses_and_reaches_every_weight() -> None:
    detector = build_detector(DetectorNetworkParams("ssd_resnet", shape()), SCRATCH).train()
    targets = [{"boxes": torch.tensor([[4.0, 4.0, 30.0, 20.0]]), "labels": torch.tensor([3])}] * 2
    losses = detector(list(torch.rand(2, 3, 64, 64)), targets)
    assert set(losses) == {"classification", "bbox_regression"}
    sum(losses.values()).backward()
    assert [name for name, weight in detector.named_parameters() if weight.grad is None] == []


def test_an_image_without_parts_trains_without_nan() -> None:
    detector = build_detector(DetectorNetworkParams("ssd_resnet", shape()), SCRATCH).train()
    targets = [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}] * 2
    assert all(torch.isfinite(loss) for loss in detector(list(torch.rand(2, 3, 64, 64)), targets).values())


VGG = DetectorNetworkParams("ssd300_vgg16", None)


def test_the_paper_s_detector_takes_imagenet_weights_of_vgg_in_grey_levels(tmp_path: Path) -> None:
    detector = build_detector(VGG, write_vgg(tmp_path / "vgg16.pth", classifier=float("nan")))
    assert input_size(detector) == 300
    assert detector.head.classification_head.num_columns == CLASSES
    assert (detector.backbone.features[0].weight == 0.5).all()  # conv1_1
    assert (detector.backbone.extra[0][5].weight == 0.5).all()  # conv5_3
    assert scaled(detector, (0.9, 0.5, 0.1)) == pytest.approx(
        [(0.9 - 0.48235) * 255, (0.5 - 0.45882) * 255, (0.1 - 0.40784) * 255], rel=1e-4
    )


def test_weights_that_do_not_tell_their_scale_are_refused_until_a_parameter_says_it(tmp_path: Path) -> None:
    pretrained = write_vgg(tmp_path / "vgg16.pth", classifier=None)
    message = r"vgg16\.pth: has no classifier .* set train_detector\.network\.normalisation to features"
    with pytest.raises(ValueError, match=message):
        build_detector(VGG, pretrained)
    assert settled(replace(VGG, normalisation="imagenet"), pretrained).normalisation == "imagenet"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, "features"),
        ("IMAGENET1K_FEATURES", "features"),
        ("IMAGENET1K_V1", "imagenet"),
        ("DEFAULT", "imagenet"),
        ("timm", "imagenet"),
    ],
)
def test_published_weights_of_vgg_are_told_by_name(source: str | None, expected: str) -> None:
    assert settled(VGG, PretrainedParams(source)).normalisation == expected


@pytest.mark.parametrize(
    ("network", "pretrained", "message"),
    [
        (DetectorNetworkParams("ssd_resnet", None), SCRATCH, "expected a shape for ssd_resnet"),
        (DetectorNetworkParams("ssd300_vgg16", shape()), SCRATCH, "null for the rest"),
        (DetectorNetworkParams("ssd_resnet", shape(), "imagenet"), SCRATCH, "normalisation: expected null for ssd_res"),
        (
            DetectorNetworkParams("ssd_resnet", shape(layers=(2, 5))),
            SCRATCH,
            "layers: expected the first and the last of 1 to 4",
        ),
        (
            DetectorNetworkParams("ssd_resnet", shape(scales=(0.1, 0.2, 0.4))),
            SCRATCH,
            "expected 4 rising sizes for 3 maps",
        ),
        (DetectorNetworkParams("ssd_resnet", shape(scales=(0.1, 0.2, 0.2, 0.4))), SCRATCH, "rising"),
        (
            DetectorNetworkParams("ssd_resnet", shape(backbone="vgg16")),
            SCRATCH,
            "backbone: vgg16 is not made of levels",
        ),
        (DetectorNetworkParams("ssdlite320_mobilenet_v3_large", None), PretrainedParams("x.pth"), "weights names only"),
    ],
)
def test_impossible_detectors_are_refused_with_the_reason(
    network: DetectorNetworkParams, pretrained: PretrainedParams, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build_detector(network, pretrained)


def test_the_lean_losses_and_their_gradients_are_torchvision_s() -> None:
    torch.manual_seed(0)
    detector = build_detector(DetectorNetworkParams("ssd_resnet", shape()), SCRATCH).train()
    nn.init.normal_(detector.head.classification_head.module_list[0].weight)  # uneven scores to mine from
    images = list(torch.rand(3, 3, 64, 64))
    targets = [
        {"boxes": torch.tensor([[4.0, 4.0, 30.0, 20.0], [40.0, 30.0, 60.0, 60.0]]), "labels": torch.tensor([3, 16])},
        {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)},
        {"boxes": torch.tensor([[10.0, 20.0, 14.0, 26.0]]), "labels": torch.tensor([1])},
    ]
    results = []
    for cls in (LeanSSD, SSD):
        detector.__class__ = cls
        detector.zero_grad()
        losses = detector(images, targets)
        sum(losses.values()).backward()
        results.append((losses, {name: weight.grad for name, weight in detector.named_parameters()}))
    (lean, lean_gradients), (reference, reference_gradients) = results
    for name in reference:
        torch.testing.assert_close(lean[name], reference[name])
    for name in reference_gradients:
        torch.testing.assert_close(lean_gradients[name], reference_gradients[name], atol=1e-5, rtol=1e-4)


def test_negatives_are_the_least_background_like_and_never_positive() -> None:
    logits = torch.zeros(2, 5, 3)
    logits[:, :, 1] = torch.tensor([5.0, 1.0, 4.0, 3.0, 2.0])
    positive = torch.tensor([[True, False, False, False, False], [False, False, True, True, True]])
    chosen = hardest_negatives(logits, positive, 2.0)
    assert chosen.tolist() == [[False, False, True, True, False], [True, True, False, False, False]]


def test_default_boxes_stay_exact_in_mixed_precision() -> None:
    detector = build_detector(DetectorNetworkParams("ssd_resnet", shape()), SCRATCH).eval()
    images, _ = detector.transform([torch.rand(3, 64, 64)])
    exact = detector.anchor_generator(images, list(detector.backbone(images.tensors).values()))[0]
    with torch.autocast("cpu", torch.bfloat16):
        maps = list(detector.backbone(images.tensors).values())
        mixed = detector.anchor_generator(images, maps)[0]
    assert maps[0].dtype == torch.bfloat16
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, exact)


def saved(path: Path, classes: tuple[str, ...] = PART_CLASSES) -> SSD:
    """A small detector whose weights lie at `path`, said to be of `classes`."""
    network = DetectorNetworkParams("ssd_resnet", shape())
    detector = build_detector(network, SCRATCH).eval()
    save(path, detector.state_dict(), KIND, {"network": asdict(network), "classes": list(classes)})
    return detector


def test_a_detector_comes_back_from_its_file_alone(tmp_path: Path) -> None:
    detector, image = saved(tmp_path / "weights.safetensors"), torch.rand(3, 64, 64)
    (restored,), (expected,) = restore(tmp_path / "weights.safetensors")([image]), detector([image])
    for name, values in expected.items():
        torch.testing.assert_close(restored[name], values)


def test_a_detector_of_other_classes_is_refused(tmp_path: Path) -> None:
    saved(tmp_path / "weights.safetensors", ("wheel", "door"))
    with pytest.raises(ValueError, match=r"weights\.safetensors: trained on the part classes wheel, door; expected"):
        restore(tmp_path / "weights.safetensors")


def test_weights_of_an_older_version_are_refused_with_file_and_key(tmp_path: Path) -> None:
    saved(tmp_path / "weights.safetensors")
    check_older_weights_are_refused(tmp_path / "weights.safetensors", KIND, "network", "name", restore)
