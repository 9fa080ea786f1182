"""Both papers in one network: PGAN's parts guide attention, and SPAN's views are compared apart."""

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from pipeline.networks.backbone import Backbone
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import PretrainedParams
from pipeline.reid.blocks.distances import pairwise_cpdm, pairwise_euclidean
from pipeline.reid.blocks.part_grid import average_masks
from pipeline.reid.blocks.part_guidance import GuidanceParams, PartGuidance, part_guided
from pipeline.reid.blocks.refine import Refine
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidNetwork, ReidOutput, ReidShapeParams
from pipeline.store.params import parameters
from pipeline.store.vocabulary import VIEWS

WHOLE = 0.1
"""Area ratio of the fused feature in the distance ``views``: what is left to pairs that show no view in common."""


@parameters
class NetworkParams(GuidanceParams):
    """The network's own parameters."""

    dimension: PositiveInt = 512
    """Length of the fused feature, as PGAN's; a multiple of 8."""
    view_dimension: PositiveInt = 128
    """Length of the feature of each view."""
    view_scale: PositiveFloat = 1
    """Length of a view's test feature; that of the fused one is 1. Views count in CPDM by it."""


class ViewFeatures(nn.Module):
    """A feature of each view: the mean of a map under the view's mask, projected and normalised.

    The mean is over the mask and not over the map, so that a view that shows little keeps its contrast; SPAN multiplies
    the map by the mask and averages over all of it.

    Args:
        width: Channels of the map.
        dimension: Length of each feature.
    """

    def __init__(self, width: int, dimension: int) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(width, dimension, bias=False) for _ in VIEWS)
        self.norm = nn.ModuleList(nn.BatchNorm1d(dimension) for _ in VIEWS)

    def forward(self, features: Tensor, masks: Tensor) -> list[Tensor]:
        """Features of the views.

        Args:
            features: `(B, C, H, W)` float32.
            masks: `(B, 3, H, W)` float32 in [0, 1], order `VIEWS`.

        Returns:
            One `(B, dimension)` float32 a view, of length 1.
        """
        sums = torch.einsum("bchw,bvhw->vbc", features, masks)
        means = sums / masks.sum((2, 3)).clamp(min=1e-3).T[..., None]
        return [
            nn.functional.normalize(norm(project(mean)))
            for norm, project, mean in zip(self.norm, self.project, means, strict=True)
        ]


class Network(ReidNetwork):
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
        super().__init__(shape, (params.dimension, *[params.view_dimension] * len(VIEWS)))
        self.backbone = Backbone(shape)
        width = self.backbone.width
        self.cells = self.backbone.cells(shape.input_size)
        self.guidance = PartGuidance(width, self.cells, params)
        self.top_d = self.guidance.top_d
        self.attention_cells = self.guidance.attention_cells
        self.inputs = ("part_masks",) if params.attention == "grid" else ("parts", "part_masks")
        self.views = ViewFeatures(width, params.view_dimension)
        self.view_scale = params.view_scale
        self.refine_fused = Refine(2 * width, params.dimension)
        self.refine_global = Refine(width, params.dimension // 2)
        self.refine_part = Refine(width, params.dimension // 2)
        self.neck = BatchNormNeck(params.dimension, classes)

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Give the backbone ImageNet weights."""
        self.backbone.load_pretrained(pretrained)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        whole = self.backbone(channels_last(normalise(batch.images)))  # F_g, (B, C, H, W)
        attention = self.guidance(whole, batch.boxes)
        guided = part_guided(whole, attention.cells)  # F_p
        fused = self.refine_fused(torch.cat([whole, guided], dim=1))
        views = [self.view_scale * view for view in self.views(guided, average_masks(batch.masks, self.cells))]
        after_neck = self.neck.norm(fused)
        feature = torch.cat([nn.functional.normalize(after_neck), *views], 1)
        if not self.training:
            return ReidOutput(feature, None, {}, attention)
        features = {"fused": fused, "global": self.refine_global(whole), "part": self.refine_part(guided)}
        distances = {name: pairwise_euclidean(feature) for name, feature in features.items()}
        ratios = batch.area_ratios
        distances["cpdm"] = pairwise_cpdm(feature, ratios, self.dimensions)
        by_views = torch.cat([ratios[:, :1] * WHOLE, ratios[:, 1:]], 1)
        distances["views"] = pairwise_cpdm(feature, by_views, self.dimensions)
        return ReidOutput(None, self.neck.classifier(after_neck), distances)
