"""How the C library hands out memory in processes that need large arrays again and again."""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Names of `mallopt`'s settings in glibc's malloc.h."""
_LARGEST = 2**31 - 1


def keep_memory() -> None:
    """Let freed memory stay with this process instead of giving it back to the system after every large array.

    Each array above 128 KB costs glibc two system calls and a page fault every 4 KB, which is a tenth of a training's
    time on a CPU, and more where faults are dear, as in sandboxes. The process's memory then stays at its peak. Where
    the C library is another, nothing happens. No result depends on it.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # musl has none
        return
    for setting, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGEST), (_TOP_PAD, 2**26)):
        mallopt(setting, value)
