"""View masks and area ratios of a data set, by a trained SPAN: the cache `data/part_masks/<dataset>.h5`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from pipeline.networks.runtime import Runtime, batches_of
from pipeline.networks.tensors import channels_last, normalise, to_batch
from pipeline.store import hdf5
from pipeline.store.images import Images
from pipeline.store.params import build
from pipeline.store.resizing import resize
from pipeline.views.network import Span, SpanArchitecture


@dataclass(frozen=True)
class PartMasksParams:
    """The `predict_part_masks` section of `params.yaml`.

    Attributes:
        size: Side of the stored masks, pixels.
        batch_size: Images a forward pass.
        within_foreground: Multiply the masks by the foreground probability; the paper takes them as they are.
    """

    size: int
    batch_size: int
    within_foreground: bool


def load_span(state: dict[str, Tensor], metadata: dict[str, Any], where: str) -> Span:
    """Rebuild SPAN from its weights and their metadata, in evaluation mode.

    Args:
        state: Name -> tensor.
        metadata: Beside them, as `pipeline.views.training.train` returns it.
        where: Their file, for messages.

    Raises:
        ValueError: The metadata describes no SPAN.
    """
    span = Span(build(SpanArchitecture, metadata["architecture"], f"{where}: architecture"), len(metadata["views"]))
    span.load_state_dict(state)
    return span.to(memory_format=torch.channels_last).eval()


def predict_masks(
    span: Span,
    store: Images,
    foreground: hdf5.Cache | Mapping[str, NDArray[np.uint8]],
    params: PartMasksParams,
    runtime: Runtime,
    fabric: Fabric,
) -> Iterator[NDArray[np.uint8]]:
    """Predict the view masks of every image, in table order.

    Args:
        span: Trained, in evaluation mode.
        store: The images, of a data set or others.
        foreground: Their foreground masks as ``masks``; read only when `params.within_foreground`.
        params: Size of the masks, and whether they are cut to the foreground.
        runtime: Gives the number of loader processes.
        fabric: Places network and batches.

    Yields:
        `(B, 3, size, size)` uint8, probability x 255.
    """
    side = span.architecture.input_size

    def load(row: int) -> NDArray[np.uint8]:
        return resize(store.image(row), side, side)

    module = fabric.setup_module(span)
    rows = range(len(store))
    batches = cast(Iterable[Tensor], batches_of(rows, load, params.batch_size, runtime, to_batch))
    first = 0
    with torch.inference_mode():
        for images in tqdm(batches, unit="batch", mininterval=5, disable=None):
            predicted = module(channels_last(normalise(fabric.to_device(images)))).float()
            masks = _resized(predicted, params.size)
            if params.within_foreground:
                masks = _within(masks, foreground["masks"][first : first + len(masks)])
            first += len(masks)
            yield masks


def _resized(masks: Tensor, size: int) -> NDArray[np.uint8]:
    """Bring masks `(B, 3, s, s)` in [0, 1] to `(B, 3, size, size)` uint8."""
    resized = functional.interpolate(masks, (size, size), mode="bilinear", antialias=True)
    return (resized.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def _within(masks: NDArray[np.uint8], foreground: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Multiply view masks `(B, 3, S, S)` by the foreground probability `(B, s, s)`."""
    size = masks.shape[-1]
    shares = np.stack([resize(mask, size, size) for mask in foreground])[:, None]
    return np.rint(masks * (shares / np.float32(255))).astype(np.uint8)
