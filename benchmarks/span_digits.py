"""SPAN on images of several handwritten digits (SPAN figure 4b): localisation learnt from image-level labels alone.

Composes the images from the digits that scikit-learn ships, trains SPAN by the library's own training, one mask
generator a digit, and measures on images of digits that were not trained on. Prints a table and writes a picture.

Run: python -m benchmarks.span_digits
"""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from benchmarks.digit_images import SIDE, DigitImages, compose_images
from benchmarks.options import one_process
from pipeline.artifacts.foreground import open_foreground, write_foreground
from pipeline.datasets.limits import ImageLimitsParams
from pipeline.datasets.packing import write_store
from pipeline.datasets.records import ImageRecord
from pipeline.maps.columns import joined
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.runtime import generator_of, start
from pipeline.store.images import ImageStore
from pipeline.store.runtime import RuntimeParams
from pipeline.training.loop import ScheduleParams, Trained
from pipeline.views.labels import labels_of
from pipeline.views.limits import MarginParams, MaxAreaParams
from pipeline.views.network import Span, SpanNetworkParams
from pipeline.views.prediction import ViewPredictionParams, predict
from pipeline.views.samples import SpanAugmentationParams
from pipeline.views.training import SpanLossParams, SpanTrainingParams, train

GLYPHS = {"train": slice(0, 1200), "validation": slice(1200, 1500), "test": slice(1500, None)}
"""Part -> which of scikit-learn's 1,797 digits, in its order."""

TRAINING = SpanTrainingParams(
    dataset="digits",
    labels=tuple("0123456789"),
    network=SpanNetworkParams("resnet10_narrow", stem_pooling=False, input_size=SIDE),
    pretrained=PretrainedParams(None),
    images_per_label_set=None,
    batch_size=16,
    augmentation=SpanAugmentationParams(flip_probability=0.0, slanted={}, colour_jitter=0.0, zoom=0.1),
    weights=SpanLossParams(reconstruction=1.0, area=0.1, diversity=1.0),
    max_area=MaxAreaParams(alone=1.0, several=0.7, exceptions={}),
    margins=MarginParams(together=0.0, apart=0.0, exceptions={}),
    warmup=ScheduleParams(5, 2e-3, 1e-4, 0.5, 0.1, "cosine", 1, 0.02),
    schedule=ScheduleParams(10, 2e-3, 1e-4, 0.5, 0.1, "cosine", 1, 0.02),
)
"""The area loss counts in shares of the foreground and the others in shares of the image. Digits cover a seventh of it
where a vehicle fills most, so the area loss has a smaller weight."""

SHOWN = 8
CELL = 96
"""Images in the picture, and pixels of the side at which it shows each image and mask."""


def images_of(part: str, count: int, digits: int, seed: int) -> DigitImages:
    """Images of one part's digits, of the classes below `digits`."""
    glyphs, classes = (array[GLYPHS[part]] for array in (load_digits().images / 16, load_digits().target))
    kept = classes < digits
    return compose_images(count, glyphs[kept], classes[kept], generator_of(seed, list(GLYPHS).index(part)))


def learn(images: DigitImages, folder: Path, runtime: RuntimeParams) -> Trained[Span]:
    """Pack images and foreground as the pipeline has them, and train SPAN on them and the digits they show."""
    records = [ImageRecord(f"{row:05}.png", "extra") for row in range(len(images))]
    for row, record in enumerate(records):
        cv2.imwrite(str(folder / record.path), images.image(row))
    write_store(folder / "images.h5", records, folder, ImageLimitsParams(SIDE**2, SIDE, "stop"), "digits")
    store = ImageStore(folder / "images.h5")
    write_foreground(folder / "foreground.h5", store.digest, len(store), SIDE, [images.foreground], {})
    foreground = open_foreground(folder / "foreground.h5", store.digest)
    training = replace(TRAINING, labels=TRAINING.labels[: images.carried.shape[1]])
    labels = labels_of(training.labels, images.carried)
    return train(store, labels, foreground, training, runtime, start(runtime), None)


def masks_of(span: Span, images: DigitImages, runtime: RuntimeParams) -> NDArray[np.uint8]:
    """Predicted masks, `(N, K, S, S)` uint8, probability x 255."""
    params = ViewPredictionParams(size=SIDE, batch_size=64, within_foreground=False)
    return joined(predict(span, images, None, params, runtime, start(runtime)))["masks"]


def overlap(masks: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Intersection over union, `(N, K)`; NaN where both are empty."""
    both, either = (masks & truth).sum((2, 3)), (masks | truth).sum((2, 3))
    shares: NDArray[np.float64] = np.divide(both, either, out=np.full(both.shape, np.nan), where=either > 0)
    return shares


def table(masks: NDArray[np.uint8], images: DigitImages) -> str:
    """Mean IoU of each digit's mask with its ink where it is shown, beside that of the whole foreground."""
    carried, classes = images.carried, range(images.carried.shape[1])
    whole = np.repeat(images.foreground[:, None] > 0, len(classes), 1)
    scores = {"SPAN": overlap(masks >= 128, images.truth), "whole foreground": overlap(whole, images.truth)}
    lines = [f"{'mean IoU':16s}   all " + "".join(f"{k:6d}" for k in classes)]
    for name, found in scores.items():
        each = "".join(f"{found[carried[:, k], k].mean():6.2f}" for k in classes)
        lines.append(f"{name:16s} {found[carried].mean():.3f} {each}")
    size = (masks >= 128).sum((2, 3))
    ink = images.truth.sum((2, 3))[carried].mean()
    lines.append(f"a digit not shown has a mask of {size[~carried].mean() / ink:.3f} of a digit's ink")
    return "\n".join(lines)


def picture(masks: NDArray[np.uint8], images: DigitImages) -> NDArray[np.uint8]:
    """The first images, a row each: the image, its foreground, and the mask of each digit that it shows, named."""
    columns = 2 + int(images.carried.sum(1).max())
    sheet = np.full((SHOWN * (CELL + 4), columns * (CELL + 4), 3), 255, np.uint8)
    for row in range(min(SHOWN, len(images))):
        shown = np.flatnonzero(images.carried[row])
        cells = [images.image(row)[..., 0], images.foreground[row], *masks[row, shown]]
        for column, (cell, name) in enumerate(zip(cells, ["", "", *map(str, shown)], strict=True)):
            large = cv2.resize(cell, (CELL, CELL), interpolation=cv2.INTER_NEAREST)
            large = cv2.cvtColor(large, cv2.COLOR_GRAY2BGR)
            cv2.putText(large, name, (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 200, 255), 2)
            top, left = row * (CELL + 4), column * (CELL + 4)
            sheet[top : top + CELL, left : left + CELL] = large
    return sheet


@click.command()
@click.option(
    "--digits", type=click.IntRange(2, 10), default=5, show_default=True, help="Classes: 0 and those after it."
)
@click.option("--train", "train_count", default=1500, show_default=True, help="Images trained on.")
@click.option("--test", "test_count", default=400, show_default=True, help="Images measured on.")
@click.option(
    "--part", type=click.Choice(["validation", "test"]), default="test", show_default=True, help="Digits measured on."
)
@click.option("--seed", default=0, show_default=True, help="Of images and training.")
@click.option(
    "--out", type=click.Path(path_type=Path), default="docs/span_digits.jpg", show_default=True, help="The picture."
)
def main(digits: int, train_count: int, test_count: int, part: str, seed: int, out: Path) -> None:
    """Train SPAN on images of several digits, labelled as wholes, and measure how well it finds each digit."""
    runtime = one_process(1, seed=seed, accelerator="cpu")
    began = time.perf_counter()
    with TemporaryDirectory() as folder:
        trained = learn(images_of("train", train_count, digits, seed), Path(folder), runtime)
    minutes = (time.perf_counter() - began) / 60
    images = images_of(part, test_count, digits, seed)
    masks = masks_of(trained.network, images, runtime)
    click.echo(
        f"trained on {train_count} images in {minutes:.1f} min, one thread; {test_count} images of {part} digits"
    )
    click.echo(table(masks, images))
    cv2.imwrite(str(out), picture(masks, images))


if __name__ == "__main__":
    main()
