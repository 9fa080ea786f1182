"""Masks of every image, one a label (a vehicle's view), predicted by a trained SPAN (SPAN §3.1)."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from pipeline.networks.loading import ResizedImages, predicted
from pipeline.networks.runtime import RuntimeParams
from pipeline.networks.tensors import channels_last, normalise, to_batch
from pipeline.store import hdf5
from pipeline.store.images import Images
from pipeline.store.params import parameters
from pipeline.store.resizing import resize
from pipeline.views.network import Span


@parameters
class ViewPredictionParams:
    """The `predict_part_masks` section of `params.yaml`."""

    size: PositiveInt
    """Side of the stored masks, pixels; SPAN's own are 96 (192 without the stem's pooling)."""
    batch_size: PositiveInt
    """Images a forward pass."""
    within_foreground: bool
    """Multiply the masks by the foreground probability; the paper takes them as they are."""


@torch.inference_mode()
def predict(
    span: Span,
    images: Images,
    foreground: hdf5.Cache | Mapping[str, NDArray[np.uint8]],
    params: ViewPredictionParams,
    runtime: RuntimeParams,
    fabric: Fabric,
) -> Iterator[NDArray[np.uint8]]:
    """Predict the masks of all images, in order, batch by batch, see `pipeline.networks.loading.predicted`.

    Args:
        span: Trained, in evaluation mode.
        images: Images of a data set, or others.
        foreground: Their foreground masks as ``masks``; read only when `params.within_foreground`.
        params: Size of the masks, and whether they are cut to the foreground.
        runtime: Gives the loader processes.
        fabric: Places network and batches.

    Yields:
        `(B, K, size, size)` uint8, probability x 255, K the labels of `span`.
    """
    module = fabric.setup_module(span)
    load = ResizedImages(images, span.shape.input_size)

    def masks_of(batch: Tensor, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        predicted_masks = module(channels_last(normalise(fabric.to_device(batch)))).float()
        masks = stored(predicted_masks, params.size).cpu().numpy()
        if params.within_foreground:
            masks = _within(masks, foreground["masks"][rows[0] : rows[-1] + 1])
        return masks

    yield from predicted(masks_of, range(len(images)), load, params.batch_size, runtime, to_batch)


def stored(masks: Tensor, size: int) -> Tensor:
    """Bring masks `(B, K, s, s)` in [0, 1] to `(B, K, size, size)` uint8, as they are kept and read."""
    resized = functional.interpolate(masks, (size, size), mode="bilinear", antialias=True)
    return (resized.clamp(0, 1) * 255).round().to(torch.uint8)


def _within(masks: NDArray[np.uint8], foreground: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Multiply masks `(B, K, S, S)` by the foreground probability `(B, s, s)`."""
    size = masks.shape[-1]
    shares = np.stack([resize(mask, size, size) for mask in foreground])[:, None]
    return np.rint(masks * (shares / np.float32(255))).astype(np.uint8)
