"""Train one data set's foreground network on its GrabCut seeds (SPAN supplement §1).

Reads `data/images/<dataset>.h5` and `data/grabcut/<dataset>.h5`; writes `models/foreground/<dataset>.safetensors`
and its training history.
"""

from dataclasses import asdict
from pathlib import Path

import click

from pipeline.foreground.training import KIND, ForegroundTraining, train
from pipeline.networks import weights
from pipeline.networks.runtime import Runtime, start
from pipeline.store import hdf5, params
from pipeline.store.files import digest_of, file_digest, write_csv
from pipeline.store.images import ImageStore
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Name of the data set.")
@click.option("--images", required=True, type=PATH, help="Its images.")
@click.option("--grabcut", required=True, type=PATH, help="Their seed masks.")
@click.option("--output", required=True, type=PATH, help="Weights to write.")
@click.option("--history", required=True, type=PATH, help="CSV of losses by epoch to write.")
def train_foreground(dataset: str, images: Path, grabcut: Path, output: Path, history: Path, params_path: Path) -> None:
    """Train the foreground network."""
    training = params.load(params_path, "train_foreground", ForegroundTraining, dataset=dataset)
    runtime = params.load(params_path, "runtime", Runtime)
    fabric = start(runtime)
    store = ImageStore(images)
    seeds = hdf5.Cache(grabcut, "grabcut/1", store.digest)
    made_by = {"grabcut": file_digest(grabcut), "params": digest_of(asdict(training))}
    scratch = Path(".scratch/train_foreground") / digest_of({**made_by, "runtime": asdict(runtime)})
    network, rows, metadata = train(store, seeds, training, runtime, fabric, scratch)
    weights.save(output, network.state_dict(), KIND, metadata | {"made_by": made_by})
    write_csv(history, rows, list(rows[0]))
    click.echo(
        f"{output}: trained on {metadata['trained_rows']} seeds, {sum(metadata['removed'])} of them removed, "
        f"last loss {rows[-1]['loss']:.4f}"
    )


if __name__ == "__main__":
    train_foreground()
