"""SPAN's re-ID network: a global feature and one for each view, compared by co-occurrence (SPAN fig. 2b-c)."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Literal

import torch
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor, nn

from pipeline.networks.backbone import Backbone
from pipeline.networks.pretrained import PretrainedParams
from pipeline.networks.tensors import channels_last, normalise
from pipeline.reid.blocks.distances import pairwise_cpdm, pairwise_euclidean
from pipeline.reid.blocks.masked_mean import LEAST_AREA
from pipeline.reid.blocks.part_grid import average_masks
from pipeline.reid.blocks.view_features import ProjectedMean, ViewParams
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidNetwork, ReidOutput, ReidShapeParams
from pipeline.store.params import parameters
from pipeline.store.vocabulary import VIEWS


@parameters
class NetworkParams(ViewParams):
    """SPAN's own parameters."""

    global_dimension: PositiveInt = 1024
    """Length of the global feature (SPAN §4.2)."""
    part_dimension: NonNegativeInt = 512
    """Length of the feature of each view (SPAN §4.2); 0: no views, SPAN's baseline (table 2)."""
    compared_by: Literal["cpdm", "euclidean"] = "cpdm"
    """Distance in training and at test: ``cpdm``, or ``euclidean`` over the whole feature ("Concat." in table 2)."""
    embedded_dimension: NonNegativeInt = 0
    """Length of the feature that a fully-connected layer makes of all of them ("FC" in table 2, which gives none), for
    ``euclidean``; 0: none, they stay side by side."""


class Branch(nn.Module):
    """A second-stage network: its own ``layer4``, global average pooling and a fully-connected layer (SPAN §4.2).

    Args:
        layer4: The backbone's last stage; copied, with its weights.
        width: Channels it puts out.
        dimension: Length of the feature.
        normalised: Batch-normalise the feature and scale it to length 1.
    """

    def __init__(self, layer4: nn.Module, width: int, dimension: int, normalised: bool) -> None:
        super().__init__()
        self.layer4 = deepcopy(layer4)
        self.head = ProjectedMean(width, dimension, normalised=normalised, bias=True)

    def forward(self, features: Tensor, weights: Tensor | None) -> Tensor:
        """Feature of a map.

        Args:
            features: `(B, C, h, w)` float32.
            weights: `(B, H, W)` float32 to average the last map by, on its own cells; None averages evenly.

        Returns:
            `(B, dimension)` float32.
        """
        features = self.layer4(features)
        if weights is None:
            return self.head(features.mean((2, 3)))  # type: ignore[no-any-return]
        total = torch.einsum("bchw,bhw->bc", features, weights)
        return self.head(total / weights.sum((1, 2)).clamp(min=LEAST_AREA)[:, None])  # type: ignore[no-any-return]


class PartFeatures(nn.Module):
    """Part feature extraction: f_0 of the whole image and f_1 to f_3 of its views (SPAN §3.2).

    Args:
        shape: Backbone of both stages.
        params: Lengths of the features.
    """

    def __init__(self, shape: ReidShapeParams, params: NetworkParams) -> None:
        super().__init__()
        self.shape = shape
        backbone = Backbone(shape)
        views = [params.part_dimension] * len(VIEWS) if params.part_dimension else []
        self.dimensions = (params.global_dimension, *views)
        self.stem = backbone.stem
        self.cells = backbone.cells(shape.input_size, of_first_stage=True)
        self.last_cells = backbone.cells(shape.input_size) if params.within_views else None
        self.branches = nn.ModuleList(
            Branch(backbone.layer4, backbone.width, dimension, params.normalised) for dimension in self.dimensions
        )

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Give the first stage, and every branch's copy of ``layer4``, ImageNet weights."""
        backbone = Backbone(self.shape, pretrained)
        self.stem.load_state_dict(backbone.stem.state_dict())
        for layer4 in (branch.get_submodule("layer4") for branch in self.branches):
            layer4.load_state_dict(backbone.layer4.state_dict())

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Concatenated feature f.

        Args:
            images: `(B, 3, S, S)` uint8, RGB.
            masks: `(B, 3, T, T)` uint8, order `VIEWS`; averaged onto the cells of each stage's map. Not read without
                views.

        Returns:
            `(B, sum(dimensions))` float32: global, front, rear, side.
        """
        features = self.stem(channels_last(normalise(images)))  # (B, C, h, w)
        parts = [self.branches[0](features, None)]
        if len(self.branches) > 1:
            seen = average_masks(masks, self.cells)  # (B, 3, h, w)
            for branch, view, weights in zip(self.branches[1:], seen.unbind(1), self._within(masks, seen), strict=True):
                parts.append(branch(features * view[:, None], weights))
        return torch.cat(parts, dim=1)

    def _within(self, masks: Tensor, seen: Tensor) -> Sequence[Tensor | None]:
        """What each view's last map is averaged by: `seen` where both maps have the same cells, None for evenly."""
        if self.last_cells is None:
            return [None] * len(VIEWS)
        same = self.last_cells == self.cells
        return (seen if same else average_masks(masks, self.last_cells)).unbind(1)


class Network(ReidNetwork):
    """Part features trained and compared by CPDM (SPAN §3.2-3.4), or by one of the ways table 2 sets against it.

    Training distance: ``feature``, by CPDM, SPAN (5), or Euclidean. Logits: batch normalisation and a linear layer on
    the whole feature. Test feature: the same as it is, compared by CPDM with the images' area ratios, or by Euclidean
    distance.

    Args:
        shape: What it shares with other models.
        params: Its own parameters.
        classes: Vehicles to tell apart.

    Raises:
        ValueError: CPDM is asked for without views or of one embedded feature.
    """

    def __init__(self, shape: ReidShapeParams, params: NetworkParams, classes: int) -> None:
        if params.compared_by == "cpdm" and (params.embedded_dimension or not params.part_dimension):
            raise ValueError(
                "compared_by: expected euclidean where part_dimension is 0 or embedded_dimension is not, got cpdm"
            )
        parts = PartFeatures(shape, params)
        concatenated = sum(parts.dimensions)
        super().__init__(shape, (params.embedded_dimension,) if params.embedded_dimension else parts.dimensions)
        self.inputs = ("part_masks",) if params.part_dimension else ()
        self.distance = params.compared_by
        self.parts = parts
        embeds = params.embedded_dimension > 0
        self.embed = nn.Linear(concatenated, params.embedded_dimension) if embeds else nn.Identity()
        self.neck = BatchNormNeck(sum(self.dimensions), classes)

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Give both stages ImageNet weights."""
        self.parts.load_pretrained(pretrained)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        feature = self.embed(self.parts(batch.images, batch.masks))
        if not self.training:
            return ReidOutput(feature, None, {})
        if self.distance == "cpdm":
            distances = pairwise_cpdm(feature, batch.area_ratios, self.dimensions)
        else:
            distances = pairwise_euclidean(feature)
        return ReidOutput(None, self.neck.classifier(self.neck(feature)), {"feature": distances})
