"""Foreground masks of every image, predicted by the trained network (SPAN supplement §1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from pipeline.foreground.network import ForegroundNetwork
from pipeline.networks.runtime import Runtime, batches_of
from pipeline.networks.tensors import channels_last, normalise, to_batch
from pipeline.store.images import Images
from pipeline.store.resizing import resize


@dataclass(frozen=True)
class ForegroundPrediction:
    """The `predict_foreground` section of `params.yaml`.

    Attributes:
        size: Side of the masks written, pixels.
        batch_size: Images a step.
        mirrored_too: Average with the prediction on the mirrored image.
    """

    size: int
    batch_size: int
    mirrored_too: bool


@torch.inference_mode()
def predict(
    network: ForegroundNetwork, store: Images, values: ForegroundPrediction, runtime: Runtime, fabric: Fabric
) -> Iterator[NDArray[np.uint8]]:
    """Predict the masks of all images, in row order, batch by batch.

    Args:
        network: Trained, in evaluation mode.
        store: The images, of a data set or others.
        values: Size of masks and batches.
        runtime: Gives the loader processes.
        fabric: Places network and batches.

    Yields:
        `(B, size, size)` uint8, probability x 255.
    """
    side = network.architecture.input_size
    module = fabric.setup_module(network.to(memory_format=torch.channels_last))

    def load(row: int) -> NDArray[np.uint8]:
        return resize(store.image(row), side, side)

    batches = batches_of(range(len(store)), load, values.batch_size, runtime, to_batch)
    for batch in tqdm(batches, unit="batch", mininterval=5, disable=None):
        images = channels_last(normalise(fabric.to_device(cast(Tensor, batch))))
        probabilities = module(images).float().sigmoid()
        if values.mirrored_too:
            probabilities = (probabilities + module(images.flip(3)).float().sigmoid().flip(2)) / 2
        masks = (probabilities * 255).round().to(torch.uint8).cpu().numpy()
        yield np.stack([resize(mask, values.size, values.size) for mask in masks])
