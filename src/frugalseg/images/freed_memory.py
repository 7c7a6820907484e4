"""Memory that is freed stays with the process, for the next array of that size, until the work on an image is done."""

import ctypes
import os
import sys

#: Options of `mallopt` in malloc.h, and what is given to each: trim at 2 GB only, and never map memory for one array.
OPTIONS = ((-1, 2**31 - 1), (-4, 0))

#: Whether this process keeps what is freed.
_kept = False


def keep_freed_memory() -> None:
    """Let the C library of Linux keep the memory of freed arrays, unless its environment variables are set.

    By default it gives the memory of each array of some megabytes back, and the system clears it anew for the next: up to a fifth
    of the CPU seconds of a network that sees a large image. Where there is no such library, nothing is done.
    """
    global _kept
    if sys.platform != "linux" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option, value in OPTIONS:
            set_option(option, value)
        _kept = True


def give_back_freed_memory() -> None:
    """Return to the system what `keep_freed_memory` has kept: after each image, since images differ in size and leave gaps."""
    if _kept:
        ctypes.CDLL(None).malloc_trim(0)
