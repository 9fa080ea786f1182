"""Test features of images, computed batch by batch by a trained model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor

from pipeline.artifacts.attention import AttentionForm, Looks
from pipeline.artifacts.parts import PART_ARRAYS, parts_at
from pipeline.maps.columns import Arrays, Column, Columns
from pipeline.prediction.batches import predicted
from pipeline.reid.augmentation import Sample
from pipeline.reid.mirroring import mean_of_both, mirrored
from pipeline.reid.network import ReidBatch, ReidNetwork
from pipeline.reid.samples import ReidSources, collate, sample_of
from pipeline.store.images import EncodedImages
from pipeline.store.params import parameters
from pipeline.store.runtime import RuntimeParams

READ: dict[str, tuple[str, ...]] = {"parts": PART_ARRAYS, "part_masks": ("masks", "area_ratios")}
"""Kind of cache -> what models read of it."""


@parameters
class EmbedParams:
    """The `embed` section of `params.yaml`."""

    batch_size: PositiveInt
    """Images per batch; bounds memory."""
    mirrored_too: bool
    """Average each feature with that of the mirror image, at twice the cost; neither paper does."""


def columns_of(sources: ReidSources, rows: NDArray[np.int64]) -> dict[str, Column]:
    """What a model reads of some rows: ``files``, their encoded bytes, and what it reads of caches.

    Args:
        sources: Images and caches.
        rows: `(R,)` rows of the image table.
    """
    cached = {
        name: Column(partial(cache.row, name), rows) for kind, cache in sources.caches.items() for name in READ[kind]
    }
    return {"files": Column(sources.store.encoded, rows), **cached}


@dataclass(frozen=True)
class ColumnLoader:
    """Loads samples of rows by the columns that `columns_of` has.

    Attributes:
        columns: Of all rows.
        input_size: Side of the square images, pixels.
    """

    columns: Columns
    input_size: int

    def __call__(self, row: int) -> tuple[Sample, int]:
        """One row's sample, and -1 for its vehicle's class."""
        columns = self.columns
        parts = parts_at(columns, row) if "boxes" in columns else None
        views = (columns["masks"][row], columns["area_ratios"][row]) if "masks" in columns else None
        return sample_of(EncodedImages(columns["files"]).image(row), self.input_size, parts, views), -1


def attention_form(network: ReidNetwork) -> AttentionForm | None:
    """What a network's attention is like; None where it has none."""
    cells = network.attention_cells
    return None if cells is None else AttentionForm(network.top_d, **asdict(cells))


def names_of(network: ReidNetwork) -> dict[str, str]:
    """What `embed_rows` finds -> the kind of cache that holds it."""
    found = {"features": "features"}
    if network.ratio_count:
        found["area_ratios"] = "features"
    if network.attention_cells is not None:
        found |= {"weights": "attention", "cells": "attention"}
    return found


@torch.inference_mode()
def embed(
    network: ReidNetwork,
    load: Callable[[int], tuple[Sample, int]],
    rows: Sequence[int] | NDArray[np.int64],
    params: EmbedParams,
    runtime: RuntimeParams,
    fabric: Fabric,
) -> Iterator[Arrays]:
    """Compute test features batch by batch, see `predicted`, wherever the samples come from.

    Args:
        network: A trained model.
        load: Row -> its sample, of the network's input size, and its vehicle's class, which is not used.
        rows: Rows to embed, in the order wanted.
        params: Images per batch, and whether their mirror images are embedded too.
        runtime: Loader processes.
        fabric: Places network and batches.

    Yields:
        ``features`` `(B, C)` float32 and ``area_ratios`` of the next rows, as `ReidNetwork.ratios` gives them; and of a
        network with attention ``weights`` and ``cells`` of the images as they are, see `Looks`.
    """
    network.to(memory_format=torch.channels_last)
    module = fabric.setup_module(network.eval())

    def seen_in(batch: ReidBatch) -> Arrays:
        placed = fabric.to_device(batch)
        output = module(placed)
        feature = output.feature
        if params.mirrored_too:
            feature = mean_of_both(feature, module(mirrored(placed)).feature, network.dimensions)
        found = {"features": _array(feature), "area_ratios": _array(network.ratios(placed))}
        if network.attention_cells is None:
            return found
        return found | {"weights": _array(output.attention.weights), "cells": _array(output.attention.cells)}

    yield from predicted(seen_in, rows, load, params.batch_size, runtime, collate)


def embed_rows(
    network: ReidNetwork, params: EmbedParams, columns: Columns, runtime: RuntimeParams, fabric: Fabric
) -> Iterator[Arrays]:
    """The same of rows by the columns that `columns_of` has; area ratios of view masks alone."""
    load = ColumnLoader(columns, network.shape.input_size)
    for block in embed(network, load, range(len(columns["files"])), params, runtime, fabric):
        yield {name: values for name, values in block.items() if name != "area_ratios" or name in columns}


def written(
    blocks: Iterable[Arrays], keep: Callable[[Looks], None]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Features and area ratios of blocks of rows, for `write_features`; what was looked at goes to `keep`."""
    for block in blocks:
        if "cells" in block:
            keep(Looks(block["weights"], block["cells"]))
        yield block["features"], block.get("area_ratios", np.zeros((len(block["features"]), 0), np.float32))


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.float().cpu().numpy()
