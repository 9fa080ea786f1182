import numpy as np
import torch
from torchvision.transforms.functional import normalize

from pipeline.networks.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise, to_batch
from pipeline.training.augmentation import flip

NOISE = np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8)


def test_normalising_agrees_with_torchvision() -> None:
    batch = to_batch([NOISE, flip(NOISE)])
    assert batch.shape == (2, 3, 24, 36)
    assert batch[0, 2, 5, 7] == NOISE[5, 7, 2]
    expected = normalize(batch / 255, list(IMAGENET_MEAN), list(IMAGENET_STD))
    torch.testing.assert_close(normalise(batch), expected)
