"""The runtime of tests that have a network."""

from pipeline.store.runtime import RuntimeParams

RUNTIME = RuntimeParams(
    seed=0,
    threads=1,
    workers=0,
    accelerator="cpu",
    devices=1,
    precision="32-true",
    synchronised_norm=False,
    deterministic=True,
    engine="local",
    address=None,
    map_workers=0,
    reuse=(),
)
"""One thread of the CPU, everything in one process."""
