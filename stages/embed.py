"""Computes the features of all images of the test sets, once, and keeps what the model looked at.

Reads: data/images/<dataset>.h5, models/reid/<dataset>/<model>.safetensors and, where the model needs them,
data/parts/<dataset>.h5 and data/part_masks/<dataset>.h5.
Writes: data/features/<dataset>/<model>.h5, data/attention/<dataset>/<model>.h5 and their index
data/rows/features/<dataset>/<model>.h5.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from pipeline.artifacts import attention, features
from pipeline.maps.keys import row_keys
from pipeline.networks.weights import check_table
from pipeline.prediction.engine import network_engine, network_maker
from pipeline.reid import embedding
from pipeline.reid.build import KIND, restore
from pipeline.reid.samples import ReidSources, check_makers, open_sources
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from pipeline.store.runtime import RuntimeParams
from stages.command import dataset_option, model_option, stage
from stages.mapping import job_of

CODE = (embedding.__name__, features.__name__, attention.__name__)


@stage
@dataset_option
@model_option
def embed(workspace: Workspace) -> None:
    """Embed and write."""
    embed_images(workspace, workspace, "", _check_made_here)


def _check_made_here(sources: ReidSources, weights: Path, metadata: Mapping[str, Any]) -> None:
    check_table(weights, metadata, sources.store.digest)
    check_makers(sources, metadata["makers"])


def embed_images(
    workspace: Workspace,
    trained: Workspace,
    ending: str,
    check: Callable[[ReidSources, Path, Mapping[str, Any]], None],
) -> None:
    """Embed by a model and write.

    Args:
        workspace: Seen from the data set whose images are embedded.
        trained: Seen from the data set that the model was trained on.
        ending: Ends the names of the places that are written.
        check: Raises ValueError where caches do not fit the model, given both, its weights' file and their metadata.
    """
    params = workspace.load("embed", embedding.EmbedParams)
    runtime = workspace.load("runtime", RuntimeParams)
    network, metadata = restore(weights := trained.existing("reid"), workspace.model)
    store = ImageStore(current(workspace, "images"))
    sources, rows = open_sources(store, partial(current, workspace), network.inputs), store.test_rows()
    check(sources, current(trained, "reid"), metadata)
    columns = embedding.columns_of(sources, rows)
    names = {name: f"{kind}{ending}" for name, kind in embedding.names_of(network).items()}
    engine = network_engine(partial(embedding.embed_rows, network, params), runtime)
    if not engine.writes:
        return engine.take_part(columns)
    maker = network_maker(weights, KIND, network, params, runtime, *CODE)
    keys = row_keys(store.image_digests[rows], [column for name, column in columns.items() if name != "files"])
    job = job_of(workspace, names, store.digest, columns, keys, maker, runtime, params.batch_size)
    digest, form, parts = file_digest(weights), embedding.attention_form(network), sources.makers.get("parts")
    about = workspace.model, network.distance, network.dimensions, store.digest, digest
    header = features.header_of(*about, mirrored_too=params.mirrored_too)
    header = replace(header, made_by=header.made_by | origin_of(workspace, f"features{ending}"))
    looked = attention.header_of(workspace.model, form, store.digest, digest, parts)
    output, seen = (workspace.path(f"{kind}{ending}") for kind in ("features", "attention"))
    with job.finished(engine) as blocks, attention.create_attention(seen, looked, rows) as keep:
        batches = embedding.written(blocks, keep)
        features.write_features(output, header, rows, batches, ratio_count=network.ratio_count)
    click.echo(f"{output}: {len(rows)} features of {sum(network.dimensions)} values")


if __name__ == "__main__":
    embed()
