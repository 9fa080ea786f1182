"""Where and how arithmetic runs, as every stage that shares its work is told."""

from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from pipeline.store.params import parameters

LoggerName = Literal["none", "csv", "tensorboard", "mlflow", "dvclive"]


@parameters
class RuntimeParams:
    """The `runtime` section of `params.yaml`."""

    seed: NonNegativeInt
    """Seed of every generator."""
    threads: NonNegativeInt
    """CPU threads of torch; part of the result, because sums are split by thread. 0 leaves it to torch."""
    workers: NonNegativeInt
    """Data-loader processes; 0 loads in the process that trains or predicts. Does not change a byte."""
    accelerator: Literal["auto", "cpu", "cuda"]
    """Kind of device: auto, cpu or cuda."""
    devices: PositiveInt
    """Devices of this machine that share each training, prediction and embedding, one process each; search and
    ablations use one."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    """Precision of the arithmetic, by Lightning Fabric's names: 32-true, bf16-mixed or 16-mixed."""
    synchronised_norm: bool
    """In training on several devices, let batch norm take its statistics over the whole batch, at the cost of a message
    a layer (CUDA only, an error on CPUs); else over the device's own share, and the first device's running statistics
    are kept."""
    deterministic: bool
    """On a GPU, let torch choose only what gives the same bytes again, at the cost of speed and some memory; an
    operation that has no such form runs all the same, with a warning. CPUs are repeatable either way."""
    engine: Literal["local", "ray"]
    """What computes seeds, masks, boxes and features of images: this machine, or Ray (docs/cluster.md). Does not change
    a byte."""
    address: str | None
    """Address of the Ray cluster, as ``auto`` on one of its machines or ``ray://HOST:10001``; null starts one on this
    machine for the time of a stage."""
    map_workers: NonNegativeInt
    """Actors on Ray, and processes of GrabCut here; 0 takes as many as the cluster has room for, or cores here. Does
    not change a byte."""
    reuse: tuple[str, ...]
    """Folders of other workspaces whose results serve for the same images where the same maker made them, beside the
    former ones of this workspace. Does not change a byte."""
    frozen_maps: NonNegativeInt = Field(default=1024, kw_only=True)
    """Megabytes for what frozen levels make of images, which a re-ID training on a CPU meets again, mirrored or not, in
    every epoch; 0 computes it each time. Does not change a byte."""
    logger: LoggerName = Field(default="none", kw_only=True)
    """Where trainings report losses, learning rates and seconds a step: ``none``; ``csv``, ``tensorboard`` and
    ``dvclive``, files in ``data/logs``; or ``mlflow``, its server or a file there. All but the first two are optional
    packages."""

    @property
    def arithmetic(self) -> dict[str, Any]:
        """What of it decides the result of a training."""
        return {
            "seed": self.seed,
            "threads": self.threads,
            "precision": self.precision,
            "synchronised_norm": self.synchronised_norm,
            "deterministic": self.deterministic,
        }
