"""Both papers in one network: PGAN's parts guide attention, and views and parts that both images show are compared."""

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from pipeline.reid.blocks.class_features import ClassFeatures, ClassParams
from pipeline.reid.blocks.distances import pairwise_cpdm, pairwise_euclidean
from pipeline.reid.blocks.guided_network import GuidedNetwork, GuidedRefinement
from pipeline.reid.blocks.masked_mean import mask_guided_mean
from pipeline.reid.blocks.part_grid import average_masks
from pipeline.reid.blocks.part_guidance import GuidanceParams
from pipeline.reid.blocks.refine import RefineParams
from pipeline.reid.blocks.unit_length import unit_length
from pipeline.reid.blocks.view_features import ProjectedMean, ViewParams
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidOutput, ReidShapeParams
from pipeline.store.params import Share, parameters
from pipeline.store.vocabulary import PART_CLASSES, VIEWS

WHOLE = 0.1
"""Area ratio of the fused feature in the distance ``shared``: what is left to pairs that show nothing in common."""


@parameters
class NetworkParams(GuidanceParams, RefineParams, ViewParams, ClassParams):
    """The network's own parameters."""

    dimension: PositiveInt = 512
    """Length of the fused feature, as PGAN's; a multiple of 8."""
    view_dimension: PositiveInt = 128
    """Length of the feature of each view."""
    view_ratio: Share = 0.5
    """What the area ratio of each view is multiplied by; that of the fused feature is 1. CPDM weighs by the product of
    both images' ratios."""
    part_ratio: Share = 0.6
    """Area ratio of a part class that an image shows, however small the part."""
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
    """One backbone; PGAN's fused feature for the whole, one feature a view and one a part class, compared by CPDM.

    A part is small, but where both images show it, it tells vehicles of one model apart; so each class that both show
    counts by `part_ratio`, as a view by its area. Its feature is made of both stages' maps, as the first may be finer.

    Training distances: ``fused``, ``global``, ``part`` as PGAN's, ``cpdm`` over all blocks, and ``shared``, the same
    with hardly any weight on the fused feature, so that views and parts alone tell vehicles apart. Test feature: the
    fused one after the neck, of length 1, those of the views, and those of the part classes, of length 1 or, where the
    image does not show the class, 0.

    Args:
        shape: What it shares with other models.
        params: Its own parameters.
        classes: Vehicles to tell apart.
    """

    distance = "cpdm"
    reads_classes = True

    def __init__(self, shape: ReidShapeParams, params: NetworkParams, classes: int) -> None:
        views, parts = [params.view_dimension] * len(VIEWS), [params.class_dimension] * len(PART_CLASSES)
        super().__init__(shape, params, (params.dimension, *views, *parts))
        width, first_width = self.backbone.width, self.backbone.stem_width
        self.inputs = tuple(dict.fromkeys(("parts", *self.guidance.inputs, "part_masks")))
        self.boxes_read = max(self.top_d, params.class_boxes)
        self.views = ViewFeatures(width, params.view_dimension, params)
        first_cells = self.backbone.cells(shape.input_size, of_first_stage=True)
        self.parts = ClassFeatures((first_width, width), (first_cells, self.guidance.cells), params)
        self.view_ratio, self.part_ratio = params.view_ratio, params.part_ratio
        self.refine = GuidedRefinement(width, params.dimension, params)
        self.neck = BatchNormNeck(params.dimension, classes)

    @property
    def ratio_count(self) -> int:
        """One of each block."""
        return len(self.dimensions)

    def ratios(self, batch: ReidBatch) -> Tensor:
        """The fused feature's, always 1; the views', by their area; the part classes', alike where they are shown."""
        return self._ratios(batch, self.parts.best(batch)[1])

    def _ratios(self, batch: ReidBatch, shown: Tensor) -> Tensor:
        whole, views = batch.area_ratios[:, :1], batch.area_ratios[:, 1:]
        return torch.cat([whole, self.view_ratio * views, self.part_ratio * shown], 1)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        maps = self.guided_maps(batch)
        fused = self.refine(maps)
        after_neck = self.neck(fused)
        views = self.views(maps.guided, average_masks(batch.masks, self.guidance.cells))
        boxes, shown = self.parts.best(batch)
        parts = self.parts((maps.first, maps.whole), boxes, shown)
        feature = torch.cat([unit_length(after_neck), *views, parts], 1)
        if not self.training:
            return ReidOutput(feature, None, {}, maps.attention)
        features = {"fused": fused, **self.refine.of_each(maps)}
        distances = {name: pairwise_euclidean(each) for name, each in features.items()}
        ratios = self._ratios(batch, shown)
        distances["cpdm"] = pairwise_cpdm(feature, ratios, self.dimensions)
        shared = torch.cat([ratios[:, :1] * WHOLE, ratios[:, 1:]], 1)
        distances["shared"] = pairwise_cpdm(feature, shared, self.dimensions)
        return ReidOutput(None, self.neck.classifier(after_neck), distances)
