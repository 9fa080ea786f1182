"""VGG-16's weights as small files, and what a detector makes of a pixel."""

from pathlib import Path

import torch
from torchvision.models import vgg16
from torchvision.models.detection.ssd import SSD

from pipeline.networks.pretrained import PretrainedParams


def write_vgg(path: Path, classifier: float | None) -> PretrainedParams:
    """Write each weight as one number many times over: 0.5 in the convolutions, `classifier` in the classifier.

    Args:
        path: The ``.pth`` file.
        classifier: None leaves the classifier out.
    """
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in vgg16().state_dict().items()}
    values = {name: 0.5 if name.startswith("features.") else classifier for name in shapes}
    filled = {name: torch.tensor(value).expand(shapes[name]) for name, value in values.items() if value is not None}
    torch.save(filled, path)
    return PretrainedParams(str(path))


def scaled(detector: SSD, pixel: tuple[float, float, float]) -> list[float]:
    """A pixel, RGB in [0, 1], as the detector's first layer sees it."""
    image = torch.tensor(pixel)[:, None, None].expand(3, 4, 4)
    return [float(value) for value in detector.transform.normalize(image)[:, 0, 0]]
