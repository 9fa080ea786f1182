"""What is exported: a re-ID model from pixels and what else it reads, and the same with all networks before it."""

import torch
from torch import Tensor, nn

from pipeline.artifacts.parts import PART_ARRAYS
from pipeline.export.parts import PartGraph, Parts
from pipeline.export.resizing import resized
from pipeline.export.views import ViewGraph, area_ratios
from pipeline.reid.mirroring import mean_of_both, mirrored
from pipeline.reid.network import ReidBatch, ReidNetwork
from pipeline.store.vocabulary import VIEWS


class ModelGraph(nn.Module):
    """A re-ID model with its preprocessing.

    Args:
        network: Trained; put into evaluation mode.
        mirrored_too: Average each feature with that of the mirror image.

    Attributes:
        part_count: Part boxes it reads of each image; 0 where it reads none.
        reads_classes: Whether it reads their classes and scores too.
        reads_masks: Whether it reads view masks.
    """

    def __init__(self, network: ReidNetwork, mirrored_too: bool) -> None:
        super().__init__()
        self.network = network.eval()
        self.mirrored_too = mirrored_too
        self.part_count = network.boxes_read if "parts" in network.inputs else 0
        self.reads_classes = network.reads_classes
        self.reads_masks = "part_masks" in network.inputs

    @property
    def inputs(self) -> list[str]:
        """Names of what it is given."""
        return ["images", *self.part_arrays, *(["masks"] if self.reads_masks else [])]

    @property
    def part_arrays(self) -> tuple[str, ...]:
        """What it reads of parts."""
        if not self.part_count:
            return ()
        return PART_ARRAYS if self.reads_classes else PART_ARRAYS[:1]

    @property
    def outputs(self) -> list[str]:
        """Names of what it gives."""
        return ["feature", *(["area_ratios"] if self.reads_masks else [])]

    def forward(
        self,
        images: Tensor,
        boxes: Tensor | None = None,
        labels: Tensor | None = None,
        scores: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Features of images, and their area ratios where it reads view masks.

        Args:
            images: `(B, H, W, 3)` uint8, RGB, of any size.
            boxes: `(B, D, 4)` float32, xyxy in [0, 1], the most confident first.
            labels: `(B, D)` uint8, index of each box's class into `PART_CLASSES`.
            scores: `(B, D)` float32 in [0, 1].
            masks: `(B, 3, T, T)` uint8, 255 is certain, order `VIEWS`.

        Returns:
            `(B, C)` float32 and, with masks, `(B, P)` float32, the whole image's share, always 1, first.
        """
        count = images.shape[0]  # len() would fix it in the graph
        none = torch.zeros(count, 0)
        batch = ReidBatch(
            images=resized(images.permute(0, 3, 1, 2), self.network.shape.input_size),
            boxes=none[..., None].expand(-1, -1, 4) if boxes is None else boxes,
            labels=none.byte() if labels is None else labels,
            scores=none if scores is None else scores,
            masks=torch.zeros(count, len(VIEWS), 0, 0, dtype=torch.uint8) if masks is None else masks,
            area_ratios=torch.ones(count, 1 + len(VIEWS)) if masks is None else area_ratios(masks),
            identities=torch.zeros(count, dtype=torch.int64),
        )
        feature = self.network(batch).feature.float()
        if self.mirrored_too:
            other = self.network(mirrored(batch)).feature.float()
            feature = mean_of_both(feature, other, self.network.dimensions)
        return (feature, self.network.ratios(batch)) if self.reads_masks else (feature,)


class WholeGraph(nn.Module):
    """A re-ID model with the networks that make what it reads, from pixels alone.

    Args:
        model: The model.
        parts: Gives part boxes; None where the model reads none.
        views: Gives view masks; None where the model reads none.
    """

    def __init__(self, model: ModelGraph, parts: PartGraph | None, views: ViewGraph | None) -> None:
        super().__init__()
        self.model = model
        self.parts = parts
        self.views = views

    @property
    def inputs(self) -> list[str]:
        """Names of what it is given."""
        return ["images"]

    @property
    def outputs(self) -> list[str]:
        """Names of what it gives."""
        return self.model.outputs

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """What `ModelGraph` gives: `(B, H, W, 3)` uint8, RGB, of any size -> features and perhaps area ratios."""
        pixels = images.permute(0, 3, 1, 2)
        found: Parts | None = None if self.parts is None else self.parts(pixels)
        parts = {} if found is None else {name: getattr(found, name) for name in self.model.part_arrays}
        masks = None if self.views is None else self.views(pixels)
        return self.model(images, **parts, masks=masks)  # type: ignore[no-any-return]
