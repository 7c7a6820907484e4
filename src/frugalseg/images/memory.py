"""Whether something fits into the memory, asked before any of it is taken."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from frugalseg.errors import FrugalsegError, NotEnoughMemory

#: Bytes below which nobody asks how much memory there is.
UNASKED: Final = 2**26
#: Files in which Linux states the limit and the use of a container, in bytes.
_LIMITS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
_CURE = "cut the image into parts, close other programs, or use a machine with more memory"
_AMOUNT = re.compile(r"allocate ([\d.]+ (?:[KMGTPE]i?B|bytes))")


def free_memory() -> int | None:
    """Return how many bytes this process can still take; None where the system does not say."""
    found = [amount for amount in (_free_of_machine(), *_free_of_container(), _free_of_process()) if amount]
    return min(found, default=None)


def check_memory(needed: int, owner: str) -> None:
    """Refuse what does not fit into the memory.

    Parameters
    ----------
    needed
        Bytes.
    owner
        What needs them, for the message.

    Raises
    ------
    NotEnoughMemory
        Less is free.

    Examples
    --------
    >>> check_memory(1000, "a.tif")
    >>> check_memory(10**18, "a.tif")
    Traceback (most recent call last):
    ...
    frugalseg.errors.NotEnoughMemory: a.tif needs 1000000000 GB of memory, and ... GB are free; cut the image into parts, ...
    """
    if needed < UNASKED:
        return
    free = free_memory()
    if free is not None and needed > free:
        raise NotEnoughMemory(f"{owner} needs {_gb(needed)} of memory, and {_gb(free)} are free; {_CURE}")


def memory_error(error: BaseException, owner: str) -> NotEnoughMemory | None:
    """Return the sentence for an error that says that memory has run out; None for any other error.

    numpy and Python raise `MemoryError`; torch a `RuntimeError`, and OpenCV an error of its own.

    Examples
    --------
    >>> str(memory_error(MemoryError("Unable to allocate 7.45 GiB for an array"), "field 'a'"))
    "field 'a' needs 7.45 GiB of memory at once, and ... GB are free; cut the image into parts, ...
    >>> memory_error(ValueError("no number"), "field 'a'") is None
    True
    """
    text = str(error)
    if not isinstance(error, MemoryError) and not (
        "can't allocate memory" in text or "out of memory" in text.lower() or "Insufficient memory" in text
    ):
        return None
    amount = _AMOUNT.search(text)
    needed = f"needs {amount.group(1)} of memory at once" if amount else "needs more memory than there is"
    free = free_memory()
    there = "" if free is None else f", and {_gb(free)} are free"
    return NotEnoughMemory(f"{owner} {needed}{there}; {_CURE}")


@contextmanager
def memory_errors(owner: str) -> Iterator[None]:
    """Turn an error that says that memory has run out into a sentence; `owner` is what needs the memory.

    Raises
    ------
    NotEnoughMemory
        In place of such an error; any other is left as it is.
    """
    try:
        yield
    except FrugalsegError:
        raise
    except Exception as error:
        sentence = memory_error(error, owner)
        if sentence is None:
            raise
        raise sentence from error


def _gb(amount: int) -> str:
    number = amount / 1e9
    return f"{number:.0f} GB" if number >= 100 else f"{number:.3g} GB"


def _free_of_machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:  # all there is, where the system does not say what is free
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _free_of_container() -> list[int]:
    """Return what the limits of containers leave; their caches can be given back, so use does not count in full."""
    found = []
    for limit, used in _LIMITS:
        try:
            most, now = (int(Path(name).read_text(encoding="ascii")) for name in (limit, used))
        except (OSError, ValueError):  # no container, or no limit
            continue
        cached = _cached(Path(used).with_name("memory.stat"))
        found.append(max(most - now + cached, 1))
    return found


def _cached(stat: Path) -> int:
    try:
        values = dict(line.split() for line in stat.read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return int(values.get("inactive_file", 0)) + int(values.get("active_file", 0))


def _free_of_process() -> int | None:
    """Return what a limit of the address space (``ulimit -v``) leaves."""
    try:
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError, ValueError):
        return None
    return None if most == resource.RLIM_INFINITY else max(most - pages * resource.getpagesize(), 1)
