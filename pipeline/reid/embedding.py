"""Test features of images, computed batch by batch by a trained model."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import PositiveInt

from pipeline.networks.loading import predicted
from pipeline.networks.runtime import RuntimeParams
from pipeline.reid.augmentation import Sample
from pipeline.reid.network import ReidBatch, ReidNetwork
from pipeline.reid.samples import collate
from pipeline.store.params import parameters


@parameters
class EmbedParams:
    """The `embed` section of `params.yaml`."""

    batch_size: PositiveInt
    """Images per batch; bounds memory."""


@torch.inference_mode()
def embed(
    network: ReidNetwork,
    load: Callable[[int], tuple[Sample, int]],
    rows: Sequence[int] | NDArray[np.int64],
    params: EmbedParams,
    runtime: RuntimeParams,
    fabric: Fabric,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Compute test features batch by batch, see `predicted`, wherever the samples come from.

    Args:
        network: A trained model.
        load: Row -> its sample, of the network's input size, and its vehicle's class, which is not used.
        rows: Rows to embed, in the order wanted.
        params: Images per batch.
        runtime: Loader processes.
        fabric: Places network and batches.

    Yields:
        `(B, C)` float32 features and `(B, 4)` float32 area ratios of the next rows.
    """
    network.to(memory_format=torch.channels_last)
    module = fabric.setup_module(network.eval())

    def features_of(batch: ReidBatch, _: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        feature = module(fabric.to_device(batch)).feature
        return feature.float().cpu().numpy(), batch.area_ratios.numpy()

    yield from predicted(features_of, rows, load, params.batch_size, runtime, collate)
