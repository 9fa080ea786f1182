"""Computes the features of all images of the test sets, once, and keeps what the model looked at.

Reads: data/images/<dataset>.h5, models/reid/<dataset>/<model>.safetensors and, where the model needs them,
data/parts/<dataset>.h5 and data/part_masks/<dataset>.h5.
Writes: data/features/<dataset>/<model>.h5, data/attention/<dataset>/<model>.h5 and their index
data/rows/features/<dataset>/<model>.h5.
"""

from dataclasses import replace
from functools import partial

import click

from pipeline.artifacts import attention, features
from pipeline.maps.keys import row_keys
from pipeline.networks.weights import check_table
from pipeline.prediction.engine import network_engine, network_maker
from pipeline.reid import embedding
from pipeline.reid.build import KIND, restore
from pipeline.reid.samples import check_makers, open_sources
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
    params = workspace.load("embed", embedding.EmbedParams)
    runtime = workspace.load("runtime", RuntimeParams)
    network, metadata = restore(weights := workspace.existing("reid"), workspace.model)
    store = ImageStore(current(workspace, "images"))
    sources, rows = open_sources(store, partial(current, workspace), network.inputs), store.test_rows()
    current(workspace, "reid")
    check_table(weights, metadata, store.digest)
    check_makers(sources, metadata["makers"])
    columns, names = embedding.columns_of(sources, rows), embedding.names_of(network)
    engine = network_engine(partial(embedding.embed_rows, network, params), runtime)
    if not engine.writes:
        return engine.take_part(columns)
    maker = network_maker(weights, KIND, network, params, runtime, *CODE)
    keys = row_keys(store.image_digests[rows], [column for name, column in columns.items() if name != "files"])
    job = job_of(workspace, names, store.digest, columns, keys, maker, runtime, params.batch_size)
    digest, form, parts = file_digest(weights), embedding.attention_form(network), sources.makers.get("parts")
    header = features.header_of(workspace.model, network.distance, network.dimensions, store.digest, digest)
    header = replace(header, made_by=header.made_by | origin_of(workspace, "features"))
    looked = attention.header_of(workspace.model, form, store.digest, digest, parts)
    output, seen = workspace.path("features"), workspace.path("attention")
    with job.finished(engine) as blocks, attention.create_attention(seen, looked, rows) as keep:
        batches = embedding.written(blocks, keep)
        features.write_features(output, header, rows, batches, has_parts="area_ratios" in names)
    click.echo(f"{output}: {len(rows)} features of {sum(network.dimensions)} values")


if __name__ == "__main__":
    embed()
