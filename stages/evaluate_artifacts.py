"""Measure the quality of a data set's intermediate artifacts against its ground truth.

Reads `data/images|truth|grabcut|foreground|parts|part_masks/<dataset>.h5`, `models/detector.safetensors` and
`models/span.safetensors` (what they were trained on); writes `data/quality/<dataset>/metrics.json` and
`ap_by_class.csv` beside it.
"""

from pathlib import Path

import click

from pipeline.networks import weights
from pipeline.parts.trained_on import KIND as DETECTOR
from pipeline.quality.artifacts import Artifacts, QualityParams, measure
from pipeline.store import params
from pipeline.store.files import file_digest, write_csv, write_json
from pipeline.store.hdf5 import Cache, check_same
from pipeline.store.images import ImageStore
from pipeline.views.training import KIND as SPAN
from stages.command import PATH, stage

CACHES = ("truth", "grabcut", "foreground", "parts", "part_masks")


@stage
@click.option("--dataset", required=True, help="Name of the data set.")
@click.option("--images", required=True, type=PATH, help="Its images.")
@click.option("--truth", required=True, type=PATH, help="Its ground truth.")
@click.option("--grabcut", required=True, type=PATH, help="Its seed masks.")
@click.option("--foreground", required=True, type=PATH, help="Its foreground masks.")
@click.option("--parts", required=True, type=PATH, help="Its part boxes.")
@click.option("--part-masks", required=True, type=PATH, help="Its view masks.")
@click.option("--detector", required=True, type=PATH, help="Weights the part boxes were made with.")
@click.option("--span", required=True, type=PATH, help="Weights the view masks were made with.")
@click.option("--output", required=True, type=PATH, help="Metrics to write.")
@click.option("--classes", required=True, type=PATH, help="Average precision of each part class to write.")
def evaluate_artifacts(
    dataset: str,
    images: Path,
    detector: Path,
    span: Path,
    output: Path,
    classes: Path,
    params_path: Path,
    **caches: Path,
) -> None:
    """Write overlap with the true masks, average precision of the boxes and viewpoint accuracy, where known."""
    values = params.load(params_path, "evaluate_artifacts", QualityParams, dataset=dataset)
    store = ImageStore(images)
    opened = {name: Cache(path, f"{name}/1", store.digest) for name, path in caches.items()}
    check_same("detector", {"detector": file_digest(detector)}, opened["parts"].header.made_by, caches["parts"])
    check_same("span", {"span": file_digest(span)}, opened["part_masks"].header.made_by, caches["part_masks"])
    _, of_detector = weights.load(detector, DETECTOR)
    _, of_span = weights.load(span, SPAN)
    metrics, by_class = measure(Artifacts(store=store, **opened), of_detector, of_span, values)
    write_json(output, metrics)
    write_csv(classes, by_class, ("part", "ap50", "ap"))
    click.echo(f"{output}: measured {', '.join(metrics)}")


if __name__ == "__main__":
    evaluate_artifacts()
