"""What the stages' networks make of images that are in no data set: part boxes, view masks and features, in memory."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from lightning_fabric import Fabric
from numpy.typing import NDArray

from pipeline.artifacts.parts import Detections
from pipeline.artifacts.views import area_ratios
from pipeline.foreground import network as foreground_network
from pipeline.foreground import prediction as foreground_prediction
from pipeline.foreground.prediction import ForegroundPredictionParams
from pipeline.maps.columns import joined
from pipeline.parts import network as parts_network
from pipeline.parts.detection import PartDetectionParams, detect
from pipeline.reid.augmentation import Sample
from pipeline.reid.embedding import EmbedParams, embed
from pipeline.reid.network import ReidNetwork
from pipeline.reid.samples import sample_of
from pipeline.search.fitting import SearchParams
from pipeline.store.images import Images
from pipeline.store.places import Workspace
from pipeline.store.vocabulary import VIEWS
from pipeline.views import network as views_network
from pipeline.views import prediction as views_prediction
from pipeline.views.prediction import ViewPredictionParams

P = TypeVar("P", PartDetectionParams, ForegroundPredictionParams, ViewPredictionParams, EmbedParams)


@dataclass(frozen=True)
class Inputs:
    """Images with what other networks see in them; picklable, so that loader processes can have it.

    Attributes:
        images: N images.
        input_size: Side of the model's square input, pixels.
        parts: Part boxes `(N, M, 4)` and what else the detector says; None where it did not run.
        masks: `(N, 3, T, T)` uint8 view masks, order `VIEWS`; None where SPAN did not run.
        ratios: `(N, 3)` float32 area ratios of the masks; None with them.
    """

    images: Images
    input_size: int
    parts: Detections | None = None
    masks: NDArray[np.uint8] | None = None
    ratios: NDArray[np.float32] | None = None

    def __call__(self, row: int) -> tuple[Sample, int]:
        """One image's sample, and -1 for its unknown vehicle."""
        parts = None if self.parts is None else self.parts.some(row)
        views = None if self.masks is None or self.ratios is None else (self.masks[row], self.ratios[row])
        return sample_of(self.images.image(row), self.input_size, parts, views), -1

    def only(self, kinds: Collection[str]) -> "Inputs":
        """The same images with no more than some kinds of cache would hold, as a model that reads those gets them."""
        parts = self.parts if "parts" in kinds else None
        masks, ratios = (self.masks, self.ratios) if "part_masks" in kinds else (None, None)
        return Inputs(self.images, self.input_size, parts, masks, ratios)


@dataclass(frozen=True)
class Description:
    """Images as a re-ID model knows them.

    Attributes:
        inputs: What it read.
        shown: What it read, and what else was asked for.
        features: `(N, C)` float32.
        area_ratios: `(N, P)` float32, as `ReidNetwork.ratios` gives them; 0 for views where the model reads no masks.
    """

    inputs: Inputs
    shown: Inputs
    features: NDArray[np.float32]
    area_ratios: NDArray[np.float32]


def describe(
    images: Images,
    network: ReidNetwork,
    workspace: Workspace,
    values: SearchParams,
    fabric: Fabric,
    shown: Collection[str],
) -> Description:
    """Run the part detector and SPAN as asked, then the model, exactly as the stages do; nothing is written.

    The model gets what it reads and no more, whatever else is shown.

    Args:
        images: The images.
        network: The trained model.
        workspace: Where the other networks' weights are.
        values: The stages' parameters.
        fabric: Places networks and batches.
        shown: Kinds of cache whose content is made for these images too; all that the model reads among them.
    """
    parts = _parts(images, workspace, values, fabric) if "parts" in shown else None
    masks = _masks(images, workspace, values, fabric) if "part_masks" in shown else None
    ratios = None if masks is None else area_ratios(masks)
    seen = Inputs(images, network.shape.input_size, parts, masks, ratios)
    inputs = seen.only(network.inputs)
    sized = _sized(values.embedding, images)
    found = joined(embed(network, inputs, range(len(images)), sized, values.runtime, fabric))
    return Description(inputs, seen, found["features"], found["area_ratios"])


def _parts(images: Images, workspace: Workspace, values: SearchParams, fabric: Fabric) -> Detections:
    detector = parts_network.restore(workspace.existing("detector"))
    found = joined(detect(detector, images, _sized(values.detection, images), values.runtime, fabric))
    return Detections(**found)


def _masks(images: Images, workspace: Workspace, values: SearchParams, fabric: Fabric) -> NDArray[np.uint8]:
    span = views_network.restore(workspace.existing("span"), VIEWS)
    foreground = _foreground(images, workspace, values, fabric) if values.views.within_foreground else None
    views = _sized(values.views, images)
    return joined(views_prediction.predict(span, images, foreground, views, values.runtime, fabric))["masks"]


def _foreground(images: Images, workspace: Workspace, values: SearchParams, fabric: Fabric) -> NDArray[np.uint8]:
    network = foreground_network.restore(workspace.existing("foreground_network"))
    sized = _sized(values.foreground, images)
    return joined(foreground_prediction.predict(network, images, sized, values.runtime, fabric))["masks"]


def _sized(params: P, images: Images) -> P:
    """The same parameters with batches no larger than the images asked for, because batches are filled up."""
    return replace(params, batch_size=min(params.batch_size, len(images)))
