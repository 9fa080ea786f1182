"""Foreground masks of every image, predicted by the trained network (SPAN supplement §1)."""

from collections.abc import Iterator

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import PositiveInt
from torch import Tensor, nn

from pipeline.foreground.network import ForegroundNetwork
from pipeline.maps.columns import Arrays, Columns
from pipeline.networks.loading import ResizedImages
from pipeline.networks.tensors import channels_last, normalise, to_batch
from pipeline.prediction.batches import predicted
from pipeline.store.images import EncodedImages, Images
from pipeline.store.params import parameters
from pipeline.store.resizing import resize
from pipeline.store.runtime import RuntimeParams


@parameters
class ForegroundPredictionParams:
    """The `predict_foreground` section of `params.yaml`."""

    size: PositiveInt
    """Side of the masks written, pixels."""
    batch_size: PositiveInt
    """Images per step."""
    mirrored_too: bool
    """Average with the prediction on the mirrored image."""


@torch.inference_mode()
def predict(
    network: ForegroundNetwork,
    images: Images,
    params: ForegroundPredictionParams,
    runtime: RuntimeParams,
    fabric: Fabric,
) -> Iterator[Arrays]:
    """Predict the masks of all images, in order, batch by batch, see `pipeline.prediction.batches.predicted`.

    Args:
        network: Trained, in evaluation mode.
        images: Images of a data set, or others.
        params: Size of masks and batches.
        runtime: Gives the loader processes.
        fabric: Places network and batches.

    Yields:
        ``masks`` `(B, size, size)` uint8, probability x 255.
    """
    module = fabric.setup_module(network.to(memory_format=torch.channels_last))
    load = ResizedImages(images, network.shape.input_size)

    def masks_of(batch: Tensor) -> Arrays:
        pixels = channels_last(normalise(fabric.to_device(batch)))
        masks = (probabilities_of(module, pixels, params.mirrored_too) * 255).round().to(torch.uint8).cpu().numpy()
        return {"masks": np.stack([resize(mask, params.size, params.size) for mask in masks])}

    yield from predicted(masks_of, range(len(images)), load, params.batch_size, runtime, to_batch)


def predict_rows(
    network: ForegroundNetwork,
    params: ForegroundPredictionParams,
    columns: Columns,
    runtime: RuntimeParams,
    fabric: Fabric,
) -> Iterator[Arrays]:
    """The same of images by the column ``files``, their encoded bytes."""
    return predict(network, EncodedImages(columns["files"]), params, runtime, fabric)


def probabilities_of(network: nn.Module, pixels: Tensor, mirrored_too: bool) -> Tensor:
    """Probability of foreground.

    Args:
        network: A `ForegroundNetwork`, or what runs it.
        pixels: `(B, 3, S, S)` float32, normalised.
        mirrored_too: Average with the prediction on the mirrored image.

    Returns:
        `(B, s, s)` float32 in [0, 1].
    """
    probabilities: Tensor = network(pixels).float().sigmoid()
    if mirrored_too:
        probabilities = (probabilities + network(pixels.flip(3)).float().sigmoid().flip(2)) / 2
    return probabilities
