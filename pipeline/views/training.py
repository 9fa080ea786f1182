"""Training SPAN from image-level labels and foreground masks (SPAN §3.1, §4.2)."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from pipeline.networks.devices import of_batch
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.tensors import channels_last, normalise
from pipeline.store import hdf5
from pipeline.store.images import ImageStore
from pipeline.store.names import DataSetName
from pipeline.store.params import parameters
from pipeline.store.runtime import RuntimeParams
from pipeline.training.loop import ScheduleParams, Trained, fit
from pipeline.training.samples import shuffled_epochs
from pipeline.views.labels import ImageLabels
from pipeline.views.limits import MarginParams, MaxAreaParams, check_labels
from pipeline.views.losses import area_loss, diversity_loss, reconstruction_loss
from pipeline.views.network import Span, SpanNetworkParams, build_span
from pipeline.views.samples import SpanAugmentationParams, SpanBatch, SpanLoader, collate, training_rows


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
class SpanTrainingParams:
    """The `train_span` section of `params.yaml`."""

    dataset: DataSetName
    """Data set with viewpoints that the workspace's one SPAN is trained on (as SPAN)."""
    labels: tuple[str, ...]
    """What an image may be labelled with, a mask generator each; a vehicle's viewpoint front-side is the labels front
    and side. The stages know the views front, rear and side alone; the library trains on any labels (SPAN figure
    4)."""
    network: SpanNetworkParams
    """Shape of the network."""
    pretrained: PretrainedParams
    """ImageNet weights of the backbone."""
    images_per_label_set: PositiveInt | None
    """Images drawn of each set of labels, such as a viewpoint; null takes all (the release lists 11,852 images of 5
    viewpoints)."""
    batch_size: PositiveInt
    """Images per step (release)."""
    augmentation: SpanAugmentationParams
    """How training images vary."""
    weights: SpanLossParams
    """Of the losses, the lambdas of SPAN (6)."""
    max_area: MaxAreaParams
    """a: the greatest area of a label's mask, relative to the foreground's (supplement table 1)."""
    margins: MarginParams
    """m: the overlap that the masks of two labels may have (supplement table 2)."""
    warmup: ScheduleParams
    """A first phase in which a random encoder learns to tell the labels; 0 epochs: none (paper)."""
    schedule: ScheduleParams
    """Length and rate of SPAN itself (release: 10 epochs; the paper gives none)."""

    def __post_init__(self) -> None:
        """Refuse labels that cannot be told apart, and what is said of others.

        Raises:
            ValueError: The message names the key.
        """
        check_labels(self.labels)
        self.max_area.check(self.labels)
        self.margins.check(self.labels)
        unknown = [name for name in self.augmentation.slanted if name not in self.labels]
        if unknown:
            raise ValueError(f"augmentation.slanted: expected labels of {', '.join(self.labels)}, got {unknown[0]!r}")


class SpanLoss:
    """The weighted losses of SPAN (6); called by `fit` with a network and a batch.

    Args:
        training: The parameters.
        labels: Of the images that are trained on.

    Raises:
        ValueError: All weights are 0, or the images have other labels than `training` names.
    """

    def __init__(self, training: SpanTrainingParams, labels: ImageLabels) -> None:
        if training.labels != labels.names:
            named, carried = (", ".join(names) for names in (training.labels, labels.names))
            raise ValueError(f"labels: expected {carried}, with which the images are labelled, got {named}")
        if not any(asdict(training.weights).values()):
            raise ValueError("weights: at least one of SPAN's losses must have a weight above 0")
        self._weights = asdict(training.weights)
        self._sets = torch.from_numpy(labels.sets.astype(np.float32))  # (S, K)
        self._max_area = torch.from_numpy(training.max_area.table(labels))  # (S, K)
        self._margins = torch.from_numpy(training.margins.matrix(labels))  # (K, K)
        self._over = training.margins.over

    def __call__(self, network: nn.Module, batch: SpanBatch) -> dict[str, Tensor]:
        """Losses of one batch by name, each multiplied by its weight and as its share counts.

        Those of weight 0 are not computed.
        """
        masks = network(channels_last(normalise(batch["images"]))).float()
        foreground, codes = batch["foreground"], batch["label_sets"]
        sets, max_area, margins = (table.to(masks.device) for table in (self._sets, self._max_area, self._margins))
        images, present = len(masks), foreground.flatten(1).any(1).sum()
        losses: dict[str, Callable[[], Tensor]] = {
            "reconstruction": lambda: of_batch(reconstruction_loss(masks, sets[codes], foreground), images),
            "area": lambda: of_batch(area_loss(masks, foreground, max_area[codes]), present),
            "diversity": lambda: of_batch(diversity_loss(masks, margins, self._over), images),
        }
        return {name: weight * losses[name]() for name, weight in self._weights.items() if weight}


class LabelClassifier(nn.Module):
    """SPAN's encoder with a linear layer that tells which labels an image carries.

    Args:
        span: Whose encoder is trained.
    """

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.encoder = span.encoder
        self.classifier = nn.Linear(span.width, len(span.labels))

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(B, K)` of normalised images `(B, 3, S, S)`."""
        return self.classifier(self.encoder(images).mean((2, 3)))  # type: ignore[no-any-return]


class LabelLoss:
    """Binary cross-entropy between the labels an image carries and a classifier's, averaged over labels and images.

    Args:
        labels: Of the images that are trained on.
    """

    def __init__(self, labels: ImageLabels) -> None:
        self._sets = torch.from_numpy(labels.sets.astype(np.float32))  # (S, K)

    def __call__(self, classifier: nn.Module, batch: SpanBatch) -> dict[str, Tensor]:
        """The loss of one batch, named ``labels``, as its share counts."""
        logits = classifier(channels_last(normalise(batch["images"])))
        carried = self._sets.to(logits.device)[batch["label_sets"]]
        loss = functional.binary_cross_entropy_with_logits(logits, carried)
        return {"labels": of_batch(loss, len(logits))}


def train(
    store: ImageStore,
    labels: ImageLabels,
    foreground: hdf5.Cache,
    training: SpanTrainingParams,
    runtime: RuntimeParams,
    fabric: Fabric,
    scratch: Path | None,
) -> Trained[Span]:
    """Train SPAN; only the splits `train` and `extra` are read.

    Args:
        store: The images.
        labels: Their labels; of vehicles, `viewpoint_labels`.
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
    loss = SpanLoss(training, labels)
    rows = training_rows(store, labels, training.images_per_label_set, runtime.seed)
    shape = training.network
    span = build_span(shape, labels.names, training.pretrained).to(memory_format=torch.channels_last)
    load = SpanLoader(store, labels, foreground, shape.input_size, shape.mask_size, training.augmentation, runtime.seed)
    batches = shuffled_epochs(rows, load, training.batch_size, runtime, collate)
    scratches = [None if scratch is None else scratch / name for name in ("labels", "masks")]
    classifier = LabelClassifier(span)
    warmed = fit(classifier, LabelLoss(labels), batches, training.warmup, fabric, scratch=scratches[0], phase="labels/")
    history = fit(
        span,
        loss,
        lambda epoch: batches(len(warmed) + epoch),
        training.schedule,
        fabric,
        scratch=scratches[1],
        phase="masks/",
    )
    for row in history:
        row["epoch"] += len(warmed)
    # The key is called views because the first labels were; weights written under it can be used on.
    metadata = {"network": asdict(shape), "images": len(rows), "table": store.digest, "views": list(span.labels)}
    return Trained(span, warmed + history, metadata)
