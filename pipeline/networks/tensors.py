"""Images as tensors, as every network takes them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def to_batch(images: list[NDArray[np.uint8]]) -> Tensor:
    """Stack `(H, W, 3)` uint8 images to `(B, 3, H, W)` uint8."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def normalise(images: Tensor) -> Tensor:
    """Turn uint8 RGB `(B, 3, H, W)` into float32 with ImageNet's mean and deviation removed."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device).view(3, 1, 1)
    return (images.float() / 255 - mean) / std


def channels_last(images: Tensor) -> Tensor:
    """The same images laid out channels last, which convolutions on CPUs and tensor cores prefer."""
    return images.contiguous(memory_format=torch.channels_last)
