"""Runs something in a process of its own, and tells how that ended."""

import atexit
import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from pathlib import Path
from pkgutil import iter_modules
from typing import NamedTuple

import stages

SECONDS = 240
"""A process that takes longer hangs."""


class Ended(NamedTuple):
    """How a process ended.

    Attributes:
        status: What it exited with, or the negative number of the signal that ended it.
        said: What it wrote.
    """

    status: int
    said: str

    @property
    def in_words(self) -> bool:
        """Whether it ended with one error of its own rather than a traceback, a crash or a hang."""
        return self.status == 1 and "Error: " in self.said and "Traceback" not in self.said


def in_process(job: Callable[[], object], log: Path, seconds: int = SECONDS) -> Ended:
    """Run something in a process of its own and wait for it.

    Args:
        job: What it does, picklable; a `SystemExit` gives its status.
        log: File that gets what it writes.
        seconds: After these a signal ends it.
    """
    process = _forks_of_stages().Process(target=_run, args=(job, log, seconds))
    process.start()
    process.join()
    ended = process.exitcode
    process.close()
    assert ended is not None
    return Ended(ended, log.read_text(encoding="utf-8", errors="replace"))


def _forks_of_stages() -> ForkServerContext:
    """Where processes come from: forks of one that has imported every stage and done nothing else.

    A fork of this process would inherit its open HDF5 files, its signal handlers, and locks held by threads of torch
    and OpenCV that no longer run; a new interpreter would import torch each time.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *(f"stages.{module.name}" for module in iter_modules(stages.__path__))])
    return context


def _run(job: Callable[[], object], log: Path, seconds: int) -> None:
    """Do the job; if it fails, end as an interpreter does, where HDF5 crashes if it does (half a second with torch)."""
    multiprocessing.set_start_method(None, force=True)  # what a new interpreter has
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    with open(log, "wb") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    status = 1
    try:
        job()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(OSError):  # as the log lies on the disk that is full
        sys.stdout.flush()
        sys.stderr.flush()
    if status:
        atexit._run_exitfuncs()
        ctypes.CDLL(None).exit(status)
    os._exit(status)
