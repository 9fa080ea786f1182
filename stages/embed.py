"""Computes the features of all images of the test sets, once, and keeps what the model looked at.

Reads: data/images/<dataset>.h5, models/reid/<dataset>/<model>.safetensors and, where the model needs them,
data/parts/<dataset>.h5 and data/part_masks/<dataset>.h5.
Writes: data/features/<dataset>/<model>.h5, data/attention/<dataset>/<model>.h5.
"""

from dataclasses import replace
from functools import partial

import click

from pipeline.artifacts import attention
from pipeline.artifacts.features import header_of, write_features
from pipeline.networks.devices import take_part
from pipeline.networks.runtime import RuntimeParams, start
from pipeline.networks.weights import check_table
from pipeline.reid import embedding
from pipeline.reid.build import restore
from pipeline.reid.samples import ReidLoader, check_makers, open_sources
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.origin import current, origin_of
from pipeline.store.places import Workspace
from stages.command import dataset_option, model_option, stage


@stage
@dataset_option
@model_option
def embed(workspace: Workspace) -> None:
    """Embed and write."""
    params = workspace.load("embed", embedding.EmbedParams)
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime)
    weights = workspace.existing("reid")
    network, metadata = restore(weights, workspace.model)
    store = ImageStore(current(workspace, "images"))
    sources = open_sources(store, partial(current, workspace), network.inputs)
    current(workspace, "reid")
    check_table(weights, metadata, store.digest)
    check_makers(sources, metadata["makers"])
    rows = store.test_rows()
    load = ReidLoader(sources, network.shape.input_size, {})
    digest, output = file_digest(weights), workspace.path("features")
    header = header_of(workspace.model, network.distance, network.dimensions, store.digest, digest)
    header = replace(header, made_by=header.made_by | origin_of(workspace, "features"))
    form, parts = embedding.attention_form(network), sources.makers.get("parts")
    looked = attention.header_of(workspace.model, form, store.digest, digest, parts)
    if not fabric.is_global_zero:
        return take_part(embedding.embed(network, load, rows, params, runtime, fabric))
    with attention.create_attention(workspace.path("attention"), looked, rows) as keep:
        batches = embedding.embed(network, load, rows, params, runtime, fabric, keep)
        write_features(output, header, rows, batches, has_parts="part_masks" in network.inputs)
    click.echo(f"{output}: {len(rows)} features of {sum(network.dimensions)} values")


if __name__ == "__main__":
    embed()
