"""Test features of images, computed batch by batch by a trained model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from tqdm import tqdm

from pipeline.networks.runtime import Runtime, batches_of
from pipeline.reid.augmentation import Sample
from pipeline.reid.network import ReidBatch, ReidNetwork
from pipeline.reid.samples import ReidSources, SampleLoader, collate


@dataclass(frozen=True)
class EmbedParams:
    """The `embed` section of `params.yaml`.

    Attributes:
        batch_size: Images a batch.
    """

    batch_size: int


def embed(
    network: ReidNetwork,
    sources: ReidSources,
    rows: NDArray[np.int64],
    input_size: int,
    batch_size: int,
    runtime: Runtime,
    fabric: Fabric,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Compute test features of a data set's images batch by batch.

    Args:
        network: A trained model.
        sources: What it reads.
        rows: Rows to embed, in the order wanted.
        input_size: Side of the square images, pixels.
        batch_size: Images a batch; bounds memory.
        runtime: Loader processes.
        fabric: Places network and batches.

    Yields:
        `(B, C)` float32 features and `(B, 4)` float32 area ratios of the next rows.
    """
    yield from embed_samples(network, SampleLoader(sources, input_size, {}), rows, batch_size, runtime, fabric)


def embed_samples(
    network: ReidNetwork,
    load: Callable[[int], tuple[Sample, int]],
    rows: Sequence[int] | NDArray[np.int64],
    batch_size: int,
    runtime: Runtime,
    fabric: Fabric,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Compute test features batch by batch, wherever the samples come from.

    Args:
        network: A trained model.
        load: Row -> its sample, and its vehicle's class, which is not used.
        rows: Rows to embed, in the order wanted.
        batch_size: Images a batch; bounds memory.
        runtime: Loader processes.
        fabric: Places network and batches.

    Yields:
        `(B, C)` float32 features and `(B, 4)` float32 area ratios of the next rows.
    """
    network.to(memory_format=torch.channels_last)
    module = fabric.setup_module(network.eval())
    batches = batches_of(rows, load, batch_size, runtime, collate)
    bar = tqdm(batches, total=-(-len(rows) // batch_size), unit="batch", mininterval=5, disable=None)
    with torch.inference_mode():
        for batch in cast(Iterator[ReidBatch], bar):
            feature = module(fabric.to_device(batch)).feature
            yield feature.float().cpu().numpy(), batch.area_ratios.numpy()
