"""Masks of every image, one a label (a vehicle's view), predicted by a trained SPAN (SPAN §3.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from pipeline.maps.columns import Arrays, Columns
from pipeline.networks.loading import ResizedImages
from pipeline.networks.tensors import channels_last, normalise, to_batch
from pipeline.prediction.batches import predicted
from pipeline.store.images import EncodedImages, Images
from pipeline.store.params import parameters
from pipeline.store.resizing import resize
from pipeline.store.runtime import RuntimeParams
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


@dataclass(frozen=True)
class _Loader:
    """Loads images as SPAN reads them, each with its foreground mask where there are some; picklable."""

    load: ResizedImages
    foreground: Sequence[NDArray[np.uint8]] | NDArray[np.uint8] | None

    def __call__(self, row: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        return self.load(row), None if self.foreground is None else self.foreground[row]


def _collate(
    items: list[tuple[NDArray[np.uint8], NDArray[np.uint8] | None]],
) -> tuple[Tensor, list[NDArray[np.uint8]]]:
    """Images `(B, 3, H, W)` uint8 and their foreground masks, of which there are none where none are read."""
    return to_batch([image for image, _ in items]), [mask for _, mask in items if mask is not None]


@torch.inference_mode()
def predict(
    span: Span,
    images: Images,
    foreground: Sequence[NDArray[np.uint8]] | NDArray[np.uint8] | None,
    params: ViewPredictionParams,
    runtime: RuntimeParams,
    fabric: Fabric,
) -> Iterator[Arrays]:
    """Predict the masks of all images, in order, batch by batch, see `pipeline.prediction.batches.predicted`.

    Args:
        span: Trained, in evaluation mode.
        images: Images of a data set, or others.
        foreground: Foreground mask of each image, `(s, s)` uint8; read only when `params.within_foreground`.
        params: Size of the masks, and whether they are cut to the foreground.
        runtime: Gives the loader processes.
        fabric: Places network and batches.

    Yields:
        ``masks`` `(B, K, size, size)` uint8, probability x 255, K the labels of `span`.
    """
    module = fabric.setup_module(span)
    within = foreground if params.within_foreground else None
    load = _Loader(ResizedImages(images, span.shape.input_size), within)

    def masks_of(batch: tuple[Tensor, list[NDArray[np.uint8]]]) -> Arrays:
        pixels, cut_to = batch
        found = module(channels_last(normalise(fabric.to_device(pixels)))).float()
        masks = stored(found, params.size).cpu().numpy()
        return {"masks": _within(masks, cut_to) if cut_to else masks}

    yield from predicted(masks_of, range(len(images)), load, params.batch_size, runtime, _collate)


def predict_rows(
    span: Span, params: ViewPredictionParams, columns: Columns, runtime: RuntimeParams, fabric: Fabric
) -> Iterator[Arrays]:
    """The same of images by the columns ``files``, their encoded bytes, and ``foreground`` where it is read."""
    images = EncodedImages(columns["files"])
    return predict(span, images, columns.get("foreground"), params, runtime, fabric)


def stored(masks: Tensor, size: int) -> Tensor:
    """Bring masks `(B, K, s, s)` in [0, 1] to `(B, K, size, size)` uint8, as they are kept and read."""
    resized = functional.interpolate(masks, (size, size), mode="bilinear", antialias=True)
    return (resized.clamp(0, 1) * 255).round().to(torch.uint8)


def _within(masks: NDArray[np.uint8], foreground: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Multiply masks `(B, K, S, S)` by the foreground probabilities, `(s, s)` each."""
    size = masks.shape[-1]
    shares = np.stack([resize(mask, size, size) for mask in foreground])[:, None]
    return np.rint(masks * (shares / np.float32(255))).astype(np.uint8)
