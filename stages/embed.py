"""Computes the features of all images of the test sets, once.

Reads: data/images/<dataset>.h5, models/reid/<dataset>/<model>.safetensors and, where the model needs them,
data/parts/<dataset>.h5 and data/part_masks/<dataset>.h5.
Writes: data/features/<dataset>/<model>.h5.
"""

from pathlib import Path

import click

from pipeline.artifacts.features import header_of, write_features
from pipeline.networks import runtime
from pipeline.reid import build as reid
from pipeline.reid.embedding import EmbedParams, embed
from pipeline.reid.samples import check_makers, open_sources
from pipeline.store import params
from pipeline.store.files import file_digest
from pipeline.store.images import ImageStore
from stages.command import PATH, model_options, stage


@stage
@model_options
@click.option("--weights", type=PATH, required=True, help="Trained model.")
@click.option("--output", type=PATH, required=True, help="Features to write.")
def main(
    params_path: Path,
    dataset: str,
    model: str,
    images: Path,
    parts: Path,
    part_masks: Path,
    weights: Path,
    output: Path,
) -> None:
    """Embed and write."""
    values = params.load(params_path, "embed", EmbedParams, dataset=dataset)
    how = params.load(params_path, "runtime", runtime.Runtime)
    fabric = runtime.start(how)
    network, architecture, metadata = reid.load(weights, model)
    sources = open_sources(ImageStore(images), {"parts": parts, "part_masks": part_masks}, network.inputs)
    check_makers(sources, metadata["makers"])
    rows = sources.store.test_rows()
    batches = embed(network, sources, rows, architecture.input_size, values.batch_size, how, fabric)
    header = header_of(model, network.distance, network.dimensions, sources.store.digest, file_digest(weights))
    write_features(output, header, rows, batches, has_parts="part_masks" in network.inputs)
    click.echo(f"{output}: {len(rows)} features of {sum(network.dimensions)} values")


if __name__ == "__main__":
    main()
