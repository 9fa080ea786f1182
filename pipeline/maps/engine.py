"""Where a map without a network is computed, as `runtime` says."""

from collections.abc import Sequence
from functools import partial

from pipeline.maps.cluster import on_ray
from pipeline.maps.job import Engine, Make
from pipeline.maps.pool import in_processes
from pipeline.store.runtime import RuntimeParams


def engine_of(make: Make, runtime: RuntimeParams, names: Sequence[str] | None = None) -> Engine:
    """Processes of this machine, or Ray's actors with a CPU each.

    Args:
        make: Readies a worker.
        runtime: Says which, and how many.
        names: What rows are called in messages, as paths of images; by default their numbers.
    """
    if runtime.engine == "ray":
        return partial(on_ray, make, runtime=runtime, cpus=1)
    return partial(in_processes, make, processes=runtime.map_workers, names=names)
