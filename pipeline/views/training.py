"""Training SPAN from image-level viewpoints and foreground masks (SPAN §3.1, §4.2)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from pipeline.networks.runtime import Runtime, batches_of, generator_of
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import Pretrained
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.vocabulary import VIEWPOINTS, VIEWS
from pipeline.training.loop import Batches, Schedule, fit
from pipeline.views.losses import area_loss, diversity_loss, reconstruction_loss
from pipeline.views.network import Span, SpanArchitecture, build_span
from pipeline.views.samples import SpanAugmentation, SpanBatch, SpanSamples, collate, training_rows

KIND = "span/1"
HISTORY = ("epoch", "learning_rate", "loss", "visible_views", "reconstruction", "area", "diversity")
"""Columns of the training history; an epoch fills those of its own phase."""


@dataclass(frozen=True)
class SpanWeights:
    """Weights of the losses in SPAN (6); 0 leaves a loss out (SPAN table 1).

    Attributes:
        reconstruction: Of SPAN (1).
        area: Of SPAN (2).
        diversity: Of SPAN (3).
    """

    reconstruction: float
    area: float
    diversity: float


@dataclass(frozen=True)
class Margins:
    """Overlap m that a pair of views may have, as a mean over pixels (supplement table 2).

    Attributes:
        front_rear: Views that never show together.
        front_side: Adjacent views.
        rear_side: Adjacent views.
    """

    front_rear: float
    front_side: float
    rear_side: float


@dataclass(frozen=True)
class SpanTraining:
    """The `train_span` section of `params.yaml`.

    Attributes:
        dataset: Data set with viewpoints that is trained on.
        architecture: Shape of the network.
        pretrained: ImageNet weights of the encoder.
        images_per_viewpoint: Images drawn of each viewpoint; null takes all.
        batch_size: Images a step.
        augmentation: How training images vary.
        weights: Of the losses.
        max_area: Viewpoint -> a of `VIEWS` in order, the greatest area relative to the foreground's (supplement
            table 1).
        margins: m of the pairs of views.
        warmup: Epochs and rate of a first phase in which the encoder alone learns to tell the visible views
            (0 epochs where its weights come from ImageNet, as in the paper).
        schedule: Epochs and rate of SPAN itself.
    """

    dataset: str
    architecture: SpanArchitecture
    pretrained: Pretrained
    images_per_viewpoint: int | None
    batch_size: int
    augmentation: SpanAugmentation
    weights: SpanWeights
    max_area: dict[str, tuple[float, float, float]]
    margins: Margins
    warmup: Schedule
    schedule: Schedule


class SpanLoss:
    """The weighted losses of SPAN (6) for the five viewpoints; called by `fit` with a network and a batch.

    Args:
        training: The parameters.

    Raises:
        ValueError: `training.max_area` does not list exactly the viewpoints, or all weights are 0.
    """

    def __init__(self, training: SpanTraining) -> None:
        if set(training.max_area) != set(VIEWPOINTS):
            raise ValueError(f"max_area: expected {', '.join(VIEWPOINTS)}, got {', '.join(training.max_area)}")
        if not any(asdict(training.weights).values()):
            raise ValueError("weights: at least one of SPAN's losses must have a weight above 0")
        self._weights = asdict(training.weights)
        self._labels = torch.tensor(list(VIEWPOINTS.values()), dtype=torch.float32)  # (5, 3)
        self._max_area = torch.tensor([training.max_area[name] for name in VIEWPOINTS])  # (5, 3)
        self._margins = _margin_matrix(training.margins)

    def __call__(self, network: nn.Module, batch: SpanBatch) -> dict[str, Tensor]:
        """Losses of one batch by name, each multiplied by its weight; those of weight 0 are not computed."""
        masks = network(channels_last(normalise(batch["images"]))).float()
        foreground, viewpoints = batch["foreground"], batch["viewpoints"]
        labels, max_area, margins = (table.to(masks.device) for table in (self._labels, self._max_area, self._margins))
        losses: dict[str, Callable[[], Tensor]] = {
            "reconstruction": lambda: reconstruction_loss(masks, labels[viewpoints], foreground),
            "area": lambda: area_loss(masks, foreground, max_area[viewpoints]),
            "diversity": lambda: diversity_loss(masks, margins),
        }
        return {name: weight * losses[name]() for name, weight in self._weights.items() if weight}


class ViewClassifier(nn.Module):
    """SPAN's encoder with a linear layer that tells which views an image shows.

    Args:
        span: Whose encoder is trained.
    """

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.encoder = span.encoder
        self.classifier = nn.Linear(span.width, len(span.generators))

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(B, views)` of normalised images `(B, 3, S, S)`."""
        return self.classifier(self.encoder(images).mean((2, 3)))  # type: ignore[no-any-return]


def visible_views_loss(classifier: nn.Module, batch: SpanBatch) -> dict[str, Tensor]:
    """Binary cross-entropy between the views an image shows and the classifier's, averaged over views and images."""
    logits = classifier(channels_last(normalise(batch["images"])))
    labels = torch.tensor(list(VIEWPOINTS.values()), dtype=torch.float32, device=logits.device)
    return {"visible_views": functional.binary_cross_entropy_with_logits(logits, labels[batch["viewpoints"]])}


def train(
    store: ImageStore,
    foreground: hdf5.Cache,
    training: SpanTraining,
    runtime: Runtime,
    fabric: Fabric,
    scratch: Path | None,
) -> tuple[Span, list[dict[str, float]], dict[str, Any]]:
    """Train SPAN; only the splits `train` and `extra` are read.

    Args:
        store: Images with viewpoints.
        foreground: Their foreground masks, ``foreground/1``; binarised at one half.
        training: The parameters.
        runtime: Gives the seed and the loader processes.
        fabric: Places network and batches; started from `runtime`.
        scratch: Folder for checkpoints, see `fit`.

    Returns:
        SPAN in evaluation mode; one row an epoch, those of the encoder's warm-up first; and the metadata its weights
        are saved with.

    Raises:
        ValueError: No labelled images, or impossible parameters.
    """
    loss = SpanLoss(training)
    rows = training_rows(store, training.images_per_viewpoint, runtime.seed)
    architecture = training.architecture
    span = build_span(architecture, len(VIEWS), training.pretrained).to(memory_format=torch.channels_last)
    sizes = architecture.input_size, architecture.mask_size
    samples = SpanSamples(store, foreground, training.augmentation, *sizes, runtime.seed)

    def batches(epoch: int) -> Batches[SpanBatch]:
        order = generator_of(runtime.seed, epoch).permutation(rows)
        loader = batches_of(order, samples.of_epoch(epoch), training.batch_size, runtime, collate)
        return cast(Batches[SpanBatch], loader)

    scratches = [
        None if scratch is None else scratch.with_name(f"{scratch.name}_{name}") for name in ("views", "masks")
    ]
    warmed = fit(ViewClassifier(span), visible_views_loss, batches, training.warmup, fabric, scratch=scratches[0])
    history = fit(
        span,
        loss,
        lambda epoch: batches(training.warmup.epochs + epoch),
        training.schedule,
        fabric,
        scratch=scratches[1],
    )
    for row in history:
        row["epoch"] += training.warmup.epochs
    metadata = {"architecture": asdict(architecture), "images": len(rows), "table": store.digest, "views": list(VIEWS)}
    return span, warmed + history, metadata


def _margin_matrix(margins: Margins) -> Tensor:
    """`(3, 3)` margins above the diagonal, order `VIEWS`."""
    matrix = torch.zeros(len(VIEWS), len(VIEWS))
    for name, value in asdict(margins).items():
        first, second = (VIEWS.index(view) for view in name.split("_"))
        matrix[first, second] = value
    return matrix
