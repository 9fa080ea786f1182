"""Test features of images, computed batch by batch by a trained model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import PositiveInt
from torch import Tensor

from pipeline.artifacts.attention import AttentionForm, Looks
from pipeline.networks.loading import predicted
from pipeline.networks.runtime import RuntimeParams
from pipeline.reid.augmentation import Sample
from pipeline.reid.network import Attention, ReidBatch, ReidNetwork
from pipeline.reid.samples import collate
from pipeline.store.params import parameters


@parameters
class EmbedParams:
    """The `embed` section of `params.yaml`."""

    batch_size: PositiveInt
    """Images per batch; bounds memory."""


def attention_form(network: ReidNetwork) -> AttentionForm | None:
    """What a network's attention is like; None where it has none."""
    cells = network.attention_cells
    return None if cells is None else AttentionForm(network.top_d, **asdict(cells))


@torch.inference_mode()
def embed(
    network: ReidNetwork,
    load: Callable[[int], tuple[Sample, int]],
    rows: Sequence[int] | NDArray[np.int64],
    params: EmbedParams,
    runtime: RuntimeParams,
    fabric: Fabric,
    keep: Callable[[Looks], None] | None = None,
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Compute test features batch by batch, see `predicted`, wherever the samples come from.

    Args:
        network: A trained model.
        load: Row -> its sample, of the network's input size, and its vehicle's class, which is not used.
        rows: Rows to embed, in the order wanted.
        params: Images per batch.
        runtime: Loader processes.
        fabric: Places network and batches.
        keep: Given what the network looked at in the next rows, before their features come; not called for a network
            without attention.

    Yields:
        `(B, C)` float32 features and `(B, 4)` float32 area ratios of the next rows.
    """
    network.to(memory_format=torch.channels_last)
    module = fabric.setup_module(network.eval())

    def seen_in(
        batch: ReidBatch, _: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Looks | None]:
        output = module(fabric.to_device(batch))
        looks = None if network.attention_cells is None else _looks(output.attention)
        return _array(output.feature), batch.area_ratios.numpy(), looks

    for features, ratios, looks in predicted(seen_in, rows, load, params.batch_size, runtime, collate):
        if keep is not None and looks is not None:
            keep(looks)
        yield features, ratios


def _looks(attention: Attention) -> Looks:
    return Looks(_array(attention.weights), _array(attention.cells))


def _array(values: Tensor) -> NDArray[np.float32]:
    return values.float().cpu().numpy()
