"""Detect the parts of every image of a data set and keep the most confident boxes (PGAN §3.2).

Reads `data/images/<dataset>.h5` and `models/detector.safetensors`; writes `data/parts/<dataset>.h5`.
"""

from dataclasses import asdict
from pathlib import Path

import click

from pipeline.artifacts.parts import write_parts
from pipeline.networks import weights
from pipeline.networks.runtime import Runtime, start
from pipeline.parts.detection import PartDetection, detect, restore_detector
from pipeline.parts.trained_on import KIND
from pipeline.store import params
from pipeline.store.files import digest_of, file_digest
from pipeline.store.images import ImageStore
from stages.command import PATH, stage


@stage
@click.option("--dataset", required=True, help="Name of the data set.")
@click.option("--images", required=True, type=PATH, help="Its images.")
@click.option("--weights", "weights_path", required=True, type=PATH, help="Weights from `train_detector`.")
@click.option("--output", required=True, type=PATH, help="Part boxes to write.")
def detect_parts(dataset: str, images: Path, weights_path: Path, output: Path, params_path: Path) -> None:
    """Write the `max_parts` most confident part boxes of every image."""
    detection = params.load(params_path, "detect_parts", PartDetection, dataset=dataset)
    runtime = params.load(params_path, "runtime", Runtime)
    fabric = start(runtime)
    store = ImageStore(images)
    detector = restore_detector(*weights.load(weights_path, KIND), where=str(weights_path))
    made_by = {"detector": file_digest(weights_path), "params": digest_of(asdict(detection))}
    write_parts(output, store, detect(detector, store, detection, runtime, fabric), detection.max_parts, made_by)
    click.echo(f"{output}: {detection.max_parts} part boxes for each of {len(store)} images")


if __name__ == "__main__":
    detect_parts()
