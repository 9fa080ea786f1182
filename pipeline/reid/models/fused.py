"""Both papers in one network: PGAN's parts guide attention, and SPAN's views are compared apart."""

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import normalize

from pipeline.reid.blocks.distances import pairwise_cpdm, pairwise_euclidean
from pipeline.reid.blocks.guided_network import GuidedNetwork, GuidedRefinement
from pipeline.reid.blocks.masked_mean import mask_guided_mean
from pipeline.reid.blocks.part_grid import average_masks
from pipeline.reid.blocks.part_guidance import GuidanceParams
from pipeline.reid.blocks.view_features import ProjectedMean, ViewParams
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidOutput, ReidShapeParams
from pipeline.store.params import parameters
from pipeline.store.vocabulary import VIEWS

WHOLE = 0.1
"""Area ratio of the fused feature in the distance ``views``: what is left to pairs that show no view in common."""


@parameters
class NetworkParams(GuidanceParams, ViewParams):
    """The network's own parameters."""

    dimension: PositiveInt = 512
    """Length of the fused feature, as PGAN's; a multiple of 8."""
    view_dimension: PositiveInt = 128
    """Length of the feature of each view."""
    view_scale: PositiveFloat = 1
    """What a view's feature is multiplied by, its length where `normalised`; that of the fused one is 1. Views count in
    CPDM by it."""
    normalised: bool = True
    within_views: bool = True


class ViewFeatures(nn.Module):
    """A feature of each view: the mean of a map under the view's mask, projected.

    Args:
        width: Channels of the map.
        dimension: Length of each feature.
        params: How they are made.
    """

    def __init__(self, width: int, dimension: int, params: ViewParams) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            ProjectedMean(width, dimension, normalised=params.normalised, bias=False) for _ in VIEWS
        )
        self.within_views = params.within_views

    def forward(self, features: Tensor, masks: Tensor) -> list[Tensor]:
        """Features of the views.

        Args:
            features: `(B, C, H, W)` float32.
            masks: `(B, 3, H, W)` float32 in [0, 1], order `VIEWS`.

        Returns:
            One `(B, dimension)` float32 a view.
        """
        means = mask_guided_mean(features, masks)  # (B, 3, C)
        if not self.within_views:
            means = means * masks.mean((2, 3))[..., None]  # over the whole map, 0 outside the mask
        return [head(mean) for head, mean in zip(self.heads, means.unbind(1), strict=True)]


class Network(GuidedNetwork):
    """One backbone; PGAN's fused feature for the whole, one feature a view, compared by CPDM over all four.

    Training distances: ``fused``, ``global``, ``part`` as PGAN's, ``cpdm`` over the fused feature and the views, and
    ``views``, the same with hardly any weight on the fused feature, so that views alone tell vehicles apart. Test
    feature: the fused one after the neck, of length 1, and those of the views, of length `view_scale` each.

    Args:
        shape: What it shares with other models.
        params: Its own parameters.
        classes: Vehicles to tell apart.
    """

    distance = "cpdm"

    def __init__(self, shape: ReidShapeParams, params: NetworkParams, classes: int) -> None:
        super().__init__(shape, params, (params.dimension, *[params.view_dimension] * len(VIEWS)))
        width = self.backbone.width
        self.inputs = (*self.guidance.inputs, "part_masks")
        self.views = ViewFeatures(width, params.view_dimension, params)
        self.view_scale = params.view_scale
        self.refine = GuidedRefinement(width, params.dimension)
        self.neck = BatchNormNeck(params.dimension, classes)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        maps = self.guided_maps(batch)
        fused = self.refine(maps)
        masks = average_masks(batch.masks, self.guidance.cells)
        views = [self.view_scale * view for view in self.views(maps.guided, masks)]
        after_neck = self.neck(fused)
        feature = torch.cat([normalize(after_neck), *views], 1)
        if not self.training:
            return ReidOutput(feature, None, {}, maps.attention)
        features = {"fused": fused, **self.refine.of_each(maps)}
        distances = {name: pairwise_euclidean(each) for name, each in features.items()}
        ratios = batch.area_ratios
        distances["cpdm"] = pairwise_cpdm(feature, ratios, self.dimensions)
        by_views = torch.cat([ratios[:, :1] * WHOLE, ratios[:, 1:]], 1)
        distances["views"] = pairwise_cpdm(feature, by_views, self.dimensions)
        return ReidOutput(None, self.neck.classifier(after_neck), distances)
