"""Training SPAN from image-level viewpoints and foreground masks (SPAN §3.1, §4.2)."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from lightning_fabric import Fabric
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from pipeline.networks.runtime import RuntimeParams
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import PretrainedParams
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.params import Share, parameters
from pipeline.store.vocabulary import VIEWPOINTS, VIEWS
from pipeline.training.loop import ScheduleParams, Trained, fit
from pipeline.training.samples import shuffled_epochs
from pipeline.views.losses import area_loss, diversity_loss, reconstruction_loss
from pipeline.views.network import Span, SpanNetworkParams, build_span
from pipeline.views.samples import SpanAugmentationParams, SpanBatch, ViewLoader, collate, training_rows


@parameters
class SpanLossParams:
    """Weights of the losses in SPAN (6), §4.2; 0 leaves a loss out (SPAN table 1)."""

    reconstruction: NonNegativeFloat
    """Of SPAN (1)."""
    area: NonNegativeFloat
    """Of SPAN (2)."""
    diversity: NonNegativeFloat
    """Of SPAN (3)."""


@parameters
class SpanMarginParams:
    """Overlap m that a pair of views may have, as a mean over pixels of two masks' product (supplement table 2)."""

    front_rear: NonNegativeFloat
    """Of views that never show together."""
    front_side: NonNegativeFloat
    """Of adjacent views."""
    rear_side: NonNegativeFloat
    """Of adjacent views."""


@parameters
class SpanTrainingParams:
    """The `train_span` section of `params.yaml`."""

    dataset: str
    """Data set with viewpoints that the workspace's one SPAN is trained on (as SPAN)."""
    network: SpanNetworkParams
    """Shape of the network."""
    pretrained: PretrainedParams
    """ImageNet weights of the backbone."""
    images_per_viewpoint: PositiveInt | None
    """Images drawn of each viewpoint; null takes all (the release lists 11,852 images of 5 viewpoints)."""
    batch_size: PositiveInt
    """Images per step (release)."""
    augmentation: SpanAugmentationParams
    """How training images vary."""
    weights: SpanLossParams
    """Of the losses, the lambdas of SPAN (6)."""
    max_area: dict[str, tuple[Share, Share, Share]]
    """Viewpoint -> a: the greatest area of front, rear and side, relative to the foreground's (supplement table 1)."""
    margins: SpanMarginParams
    """m of the pairs of views."""
    warmup: ScheduleParams
    """A first phase in which a random encoder learns to tell the visible views; 0 epochs: none (paper)."""
    schedule: ScheduleParams
    """Length and rate of SPAN itself (release: 10 epochs; the paper gives none)."""


class SpanLoss:
    """The weighted losses of SPAN (6) for the five viewpoints; called by `fit` with a network and a batch.

    Args:
        training: The parameters.

    Raises:
        ValueError: `training.max_area` does not list exactly the viewpoints, or all weights are 0.
    """

    def __init__(self, training: SpanTrainingParams) -> None:
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
    training: SpanTrainingParams,
    runtime: RuntimeParams,
    fabric: Fabric,
    scratch: Path | None,
) -> Trained[Span]:
    """Train SPAN; only the splits `train` and `extra` are read.

    Args:
        store: Images with viewpoints.
        foreground: Their foreground masks, ``foreground/1``; binarised at one half.
        training: The parameters.
        runtime: Gives the seed and the loader processes.
        fabric: Places network and batches; started from `runtime`.
        scratch: Folder for checkpoints, see `fit`.

    Returns:
        SPAN; its history, the epochs of the encoder's warm-up first; and the metadata.

    Raises:
        ValueError: No labelled images, or impossible parameters.
    """
    loss = SpanLoss(training)
    rows = training_rows(store, training.images_per_viewpoint, runtime.seed)
    shape = training.network
    span = build_span(shape, len(VIEWS), training.pretrained).to(memory_format=torch.channels_last)
    load = ViewLoader(store, foreground, shape.input_size, shape.mask_size, training.augmentation, runtime.seed)
    batches = shuffled_epochs(rows, load, training.batch_size, runtime, collate)
    scratches = [
        None if scratch is None else scratch.with_name(f"{scratch.name}_{name}") for name in ("views", "masks")
    ]
    warmed = fit(ViewClassifier(span), visible_views_loss, batches, training.warmup, fabric, scratch=scratches[0])
    history = fit(
        span,
        loss,
        lambda epoch: batches(len(warmed) + epoch),
        training.schedule,
        fabric,
        scratch=scratches[1],
    )
    for row in history:
        row["epoch"] += len(warmed)
    metadata = {"network": asdict(shape), "images": len(rows), "table": store.digest, "views": list(VIEWS)}
    return Trained(span, warmed + history, metadata)


def _margin_matrix(margins: SpanMarginParams) -> Tensor:
    """`(3, 3)` margins above the diagonal, order `VIEWS`."""
    matrix = torch.zeros(len(VIEWS), len(VIEWS))
    for name, value in asdict(margins).items():
        first, second = (VIEWS.index(view) for view in name.split("_"))
        matrix[first, second] = value
    return matrix
