"""Computes the features of a data set's test images by a model that was trained on another.

Reads: data/images/<dataset>.h5, models/reid/<trained on>/<model>.safetensors and, where the model needs them,
data/parts/<dataset>.h5 and data/part_masks/<dataset>.h5.
Writes: data/features/<dataset>/from_<trained on>/<model>.h5.
"""

from dataclasses import replace

import click

from pipeline.artifacts.features import header_of, write_features
from pipeline.networks.devices import take_part
from pipeline.networks.runtime import RuntimeParams, start
from pipeline.reid import embedding
from pipeline.reid.build import restore
from pipeline.reid.samples import ReidLoader, check_networks_alike, open_sources
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from pipeline.store.places import Workspace
from stages.command import dataset_option, model_option, stage, trained_on_option


@stage
@trained_on_option
@dataset_option
@model_option
def embed_across(workspace: Workspace) -> None:
    """Embed by another data set's model and write."""
    params = workspace.load("embed", embedding.EmbedParams)
    runtime = workspace.load("runtime", RuntimeParams)
    fabric = start(runtime)
    weights = replace(workspace, dataset=workspace.trained_on).existing("reid")
    network, metadata = restore(weights, workspace.model)
    store = ImageStore(workspace.existing("images"))
    sources = open_sources(store, workspace.existing, network.inputs)
    check_networks_alike(sources, metadata["makers"])
    rows, load = store.test_rows(), ReidLoader(sources, network.shape.input_size, {})
    digest, output = file_digest(weights), workspace.path("features_across")
    header = header_of(workspace.model, network.distance, network.dimensions, store.digest, digest)
    batches = embedding.embed(network, load, rows, params, runtime, fabric)
    if not fabric.is_global_zero:
        return take_part(batches)
    write_features(output, header, rows, batches, has_parts="part_masks" in network.inputs)
    click.echo(f"{output}: {len(rows)} features of {sum(network.dimensions)} values")


if __name__ == "__main__":
    embed_across()
