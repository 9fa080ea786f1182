"""What a training tells Fabric's loggers as it goes: losses, learning rate and the time a step takes."""

import time
from types import TracebackType
from typing import Self

from lightning_fabric import Fabric

STEPS_A_POINT = 10
"""Steps whose means make one point of a curve."""


class StepLog:
    """Collects what steps cost and reports their means, and the last learning rate.

    At the end it closes the loggers, as failed after an error. Costs nothing where Fabric has no logger, and on all
    processes but the first.

    Args:
        fabric: Whose loggers are told.
        phase: Begins the names of losses and rates, as ``masks/loss``; "" where a training has one phase.
    """

    def __init__(self, fabric: Fabric, phase: str = "") -> None:
        self._fabric = fabric
        self._phase = phase
        self._is_on = bool(fabric.loggers) and fabric.is_global_zero
        self._totals: dict[str, float] = {}
        self._rate = 0.0
        self._steps = 0
        self._began = time.monotonic()

    def add(self, losses: dict[str, float], rate: float, step: int) -> None:
        """Take note of one step.

        Args:
            losses: Its losses by name, their sum among them.
            rate: Its learning rate.
            step: Optimiser steps of the phase before it.
        """
        if not self._is_on:
            return
        self._rate = rate
        for name, value in losses.items():
            self._totals[name] = self._totals.get(name, 0.0) + value
        self._steps += 1
        if self._steps == STEPS_A_POINT:
            self.report(step + 1)

    def report(self, steps: int) -> None:
        """Report the steps noted since the last report, if there are any, as a point at `steps`."""
        if not self._steps:
            return
        now = time.monotonic()
        means = {name: total / self._steps for name, total in self._totals.items()}
        means["learning_rate"] = self._rate
        means["seconds_a_step"] = (now - self._began) / self._steps
        self._fabric.log_dict({f"{self._phase}{name}": value for name, value in means.items()}, step=steps)
        self._totals, self._steps, self._began = {}, 0, now

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_on:
            for logger in self._fabric.loggers:
                logger.finalize("success" if kind is None else "failed")
