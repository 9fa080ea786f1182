"""The runtime of tests that have a network."""

from benchmarks.options import one_process

RUNTIME = one_process(1, accelerator="cpu")
"""One thread of the CPU, everything in one process."""
