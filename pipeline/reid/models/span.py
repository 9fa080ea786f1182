"""SPAN's re-ID network: a global feature and one for each view, compared by co-occurrence (SPAN fig. 2b-c)."""

from copy import deepcopy

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from pipeline.networks.backbone import Backbone
from pipeline.networks.tensors import channels_last, normalise
from pipeline.networks.weights import PretrainedParams
from pipeline.reid.blocks.distances import pairwise_cpdm
from pipeline.reid.network import BatchNormNeck, ReidBatch, ReidNetwork, ReidOutput, ReidShapeParams
from pipeline.store.params import parameters
from pipeline.store.vocabulary import VIEWS


class Branch(nn.Module):
    """A second-stage network: its own ``layer4``, global average pooling and a fully-connected layer (SPAN §4.2).

    Args:
        layer4: The backbone's last stage; copied, with its weights.
        width: Channels it puts out.
        dimension: Length of the feature.
    """

    def __init__(self, layer4: nn.Module, width: int, dimension: int) -> None:
        super().__init__()
        self.layer4 = deepcopy(layer4)
        self.project = nn.Linear(width, dimension)

    def forward(self, features: Tensor) -> Tensor:
        """Feature of a map: `(B, C, h, w)` float32 -> `(B, dimension)` float32."""
        return self.project(self.layer4(features).mean((2, 3)))  # type: ignore[no-any-return]


@parameters
class NetworkParams:
    """SPAN's own parameters."""

    global_dimension: PositiveInt = 1024
    """Length of the global feature (SPAN §4.2)."""
    part_dimension: PositiveInt = 512
    """Length of the feature of each view (SPAN §4.2)."""


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
        self.dimensions = (params.global_dimension, *[params.part_dimension] * len(VIEWS))
        self.stem = backbone.stem
        self.branches = nn.ModuleList(
            Branch(backbone.layer4, backbone.width, dimension) for dimension in self.dimensions
        )

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Give the first stage, and every branch's copy of ``layer4``, ImageNet weights."""
        backbone = Backbone(self.shape)
        backbone.load_pretrained(pretrained)
        self.stem.load_state_dict(backbone.stem.state_dict())
        for layer4 in (branch.get_submodule("layer4") for branch in self.branches):
            layer4.load_state_dict(backbone.layer4.state_dict())

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        """Concatenated feature f.

        Args:
            images: `(B, 3, S, S)` uint8, RGB.
            masks: `(B, 3, T, T)` uint8, order `VIEWS`; averaged onto the first stage's grid.

        Returns:
            `(B, sum(dimensions))` float32: global, front, rear, side.
        """
        features = self.stem(channels_last(normalise(images)))  # (B, C, h, w)
        weights = nn.functional.adaptive_avg_pool2d(masks.float() / 255, features.shape[2:])  # (B, 3, h, w)
        maps = [features, *(features * weights[:, [view]] for view in range(len(VIEWS)))]
        return torch.cat([branch(part) for branch, part in zip(self.branches, maps, strict=True)], dim=1)


class Network(ReidNetwork):
    """Part features trained and compared by CPDM (SPAN §3.2-3.4).

    Training distances: ``cpdm``, SPAN (5). Logits: batch normalisation and a linear layer on the concatenated
    feature. Test feature: the concatenated one as it is, compared by CPDM with the images' area ratios.

    Args:
        shape: What it shares with other models.
        params: Its own parameters.
        classes: Vehicles to tell apart.
    """

    inputs = ("part_masks",)
    distance = "cpdm"

    def __init__(self, shape: ReidShapeParams, params: NetworkParams, classes: int) -> None:
        parts = PartFeatures(shape, params)
        super().__init__(shape, parts.dimensions)
        self.parts = parts
        self.neck = BatchNormNeck(sum(parts.dimensions), classes)

    def load_pretrained(self, pretrained: PretrainedParams) -> None:
        """Give both stages ImageNet weights."""
        self.parts.load_pretrained(pretrained)

    def forward(self, batch: ReidBatch) -> ReidOutput:
        """Compute what the mode calls for, see `ReidOutput`."""
        feature = self.parts(batch.images, batch.masks)
        if not self.training:
            return ReidOutput(feature, None, {})
        ratios = batch.area_ratios
        distances = pairwise_cpdm(feature, ratios, self.dimensions)
        return ReidOutput(None, self.neck(feature), {"cpdm": distances})
