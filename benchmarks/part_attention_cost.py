"""What share of a training step of PGAN does its part attention module (PAM) take?

Trains PGAN with PAM, with parts that all count alike ("PGAN w/o PAM") and without parts, on random images and boxes,
one step of each in turn, and prints the median seconds of a step and, of the pairs of steps taken side by side, the
median of how much more it takes than without PAM. A data set gives the sizes of `params.yaml`; without one they are the
paper's.

    python -m benchmarks.part_attention_cost [--dataset synthetic] [--vehicles 2]
"""

import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor, nn

from pipeline.reid.losses import reid_losses
from pipeline.reid.models import pgan
from pipeline.reid.network import ReidBatch
from pipeline.reid.params import ModelParams, ReidTrainingParams, load_model

WITHOUT = "parts alike, no PAM"
VARIANTS: dict[str, dict[str, Any]] = {
    "PAM": {},
    WITHOUT: {"attention": "uniform"},
    "no parts": {"top_d": 0, "attention": "uniform"},
}
"""Name -> what the network has differently from the parameters."""


def random_batch(training: ReidTrainingParams, boxes: int, seed: int) -> ReidBatch:
    """Images of noise with boxes of all sizes, P x K of them."""
    generator = torch.Generator().manual_seed(seed)
    side, images = training.input_size, training.images_per_identity
    identities = torch.arange(training.identities_per_batch).repeat_interleave(images)
    count = len(identities)
    corners = torch.rand(count, boxes, 2, 2, generator=generator).sort(dim=2).values
    return ReidBatch(
        images=torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator),
        boxes=corners.flatten(2),
        labels=torch.zeros(count, boxes, dtype=torch.uint8),
        scores=torch.ones(count, boxes),
        masks=torch.zeros(count, 3, 0, 0, dtype=torch.uint8),
        area_ratios=torch.ones(count, 4),
        identities=identities,
    )


class Steps:
    """Training steps of one network, timed.

    Args:
        params: The model's parameters.
        classes: Vehicles it tells apart.
    """

    def __init__(self, params: ModelParams, classes: int) -> None:
        torch.manual_seed(0)
        self.training = params.training
        self.network: nn.Module = pgan.Network(params.shape, params.own, classes)
        self.network.train().to(memory_format=torch.channels_last)
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.Adam(trained, lr=1e-4, weight_decay=self.training.weight_decay)
        self.seconds: list[float] = []

    def step(self, batch: ReidBatch) -> None:
        """Take one, as `pipeline.training.loop` does."""
        start = time.perf_counter()
        total: Tensor = torch.stack(list(self._losses(batch).values())).sum()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.seconds.append(time.perf_counter() - start)

    def _losses(self, batch: ReidBatch) -> dict[str, Tensor]:
        output = self.network(batch)
        return reid_losses(
            output.logits,
            output.distances,
            batch.identities,
            identity_weight=self.training.identity_weight,
            label_smoothing=self.training.label_smoothing,
            triplet=self.training.triplet,
            triplet_weights=self.training.triplet_weights,
            margin=self.training.triplet_margin,
        )


@click.command(help=__doc__)
@click.option("--dataset", default="", help="Data set whose sizes are taken; without one, the paper's.")
@click.option("--model", default="pgan", show_default=True, help="A model of network pgan.")
@click.option("--vehicles", type=int, help="P, vehicles of a batch, in place of the parameters'.")
@click.option("--classes", default=576, show_default=True, help="Vehicles to tell apart.")
@click.option("--rounds", default=9, show_default=True, help="Steps of each network.")
@click.option("--threads", default=1, show_default=True, help="CPU threads.")
def main(dataset: str, model: str, vehicles: int | None, classes: int, rounds: int, threads: int) -> None:
    """Print the table."""
    torch.set_num_threads(threads)
    params = load_model(Path("params.yaml"), dataset, model)
    training = replace(params.training, identities_per_batch=vehicles or params.training.identities_per_batch)
    steps = {
        name: Steps(replace(params, training=training, own=replace(params.own, **changes)), classes)
        for name, changes in VARIANTS.items()
    }
    click.echo(
        f"{training.backbone}, {training.input_size} px, batches of "
        f"{training.identities_per_batch * training.images_per_identity}, D = {params.own.top_d}, {threads} threads, "
        f"torch {torch.__version__}, {rounds} rounds"
    )
    for number in range(rounds + 1):
        batch = random_batch(training, params.own.top_d, number)
        for each in list(steps.values())[:: 1 if number % 2 else -1]:  # none always follows the same one
            each.step(batch)
    for name, each in steps.items():
        pairs = zip(each.seconds[1:], steps[WITHOUT].seconds[1:], strict=True)  # the first step of each warms up
        more = statistics.median(own / other - 1 for own, other in pairs)
        click.echo(f"{name:20s} {statistics.median(each.seconds[1:]):8.3f} s a step, {more:+6.1%}")


if __name__ == "__main__":
    main()
