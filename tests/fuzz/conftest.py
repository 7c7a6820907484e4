"""Malformed inputs by the hundred: how many are tried, and what counts as a defect.

`FRUGALSEG_FUZZ` multiplies the number of cases; every case is made of a seed, so a failure names all that repeats it.
"""

import copy
import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frugalseg.errors import FrugalsegError
from frugalseg.images.fields import open_fields

TIMES = float(os.environ.get("FRUGALSEG_FUZZ", "1"))
SECONDS = 5.0
"""Seconds of computing after which a case counts as one that hangs."""
MEMORY = 3 * 2**30
"""Bytes that a case may take beyond what the process has."""
LONGEST = 1000
"""Characters of a message; more is no sentence."""
TABLE = "malformed inputs"
"""The test property that `tests/conftest.py` makes the table at the end of."""
OUTCOMES = ("read", "refused", "no sentence", "crash", "hang", "memory")


Tree = Any
"""Content of a JSON file."""


class Hang(BaseException):
    """A case takes too long; no `except Exception` may swallow it."""


def deep(levels: int, kind: str = "[]") -> str:
    return kind[0] * levels + kind[1] * levels


#: Stand in a JSON text as they are.
RAW = [
    deep(100_000),
    '{"a":' * 50_000 + "1" + "}" * 50_000,
    "1" * 6000,
    "1e999",
    "NaN",
    "-Infinity",
    "1e-320",
    '"\\ud800"',
    "\\x",
]
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**30,
    1.5,
    1e300,
    -0.0,
    "",
    " ",
    "0",
    "..",
    "/etc",
    "a\0b",
    "\x1b[31m",
    "é",
    "x" * 100_000,
    [],
    {},
    [None],
    [[]],
    [-1, -1],
    [0, 0],
    [10**9, 10**9],
    ["y", "y"],
    {"a": 1},
    {"path": ".."},
    ["a"] * 5000,
]


def places(tree: Tree, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree but its root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from places(value, (*at, key))


def spoiled(tree: Tree, rng: np.random.Generator) -> str:
    """Return the tree as a JSON text, with one or two random changes."""
    tree = copy.deepcopy(tree)
    raw: list[str] = []
    for _ in range(int(rng.integers(1, 3))):
        known = list(places(tree))
        if not known or rng.random() < 0.02:
            return json.dumps(STRANGE[int(rng.integers(len(STRANGE)))])
        *way, key = known[int(rng.integers(len(known)))]
        parent = tree
        for step in way:
            parent = parent[step]
        kind = rng.random()
        if kind < 0.2:
            del parent[key]
        elif kind < 0.3:
            raw.append(RAW[int(rng.integers(len(RAW)))])
            parent[key] = f"RAW{len(raw) - 1}"
        elif kind < 0.4 and isinstance(parent, dict):
            parent[str(STRANGE[int(rng.integers(12, 20))])] = parent.pop(key)
        elif kind < 0.45 and isinstance(parent, list):
            parent += copy.deepcopy(parent * 3)
        else:
            parent[key] = copy.deepcopy(STRANGE[int(rng.integers(len(STRANGE)))])
    text = json.dumps(tree)
    for i, one in enumerate(raw):
        text = text.replace(f'"RAW{i}"', one)
    return text


@contextmanager
def limited() -> Iterator[None]:
    """Limit time and memory of a block."""

    def stop(*_: object) -> None:
        raise Hang

    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, limits[1]))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal.signal(signal.SIGPROF, before)


def outcome(action: Callable[[], object]) -> tuple[str, str]:
    """Return how a case ended, one of `OUTCOMES`, and what was said."""
    try:
        with limited():
            action()
    except FrugalsegError as error:
        text = str(error)
        fine = text and "\n" not in text and "\r" not in text and len(text) <= LONGEST
        return ("refused" if fine else "no sentence"), text[:300]
    except Hang:
        return "hang", f"more than {SECONDS} s"
    except MemoryError as error:
        return "memory", repr(error)[:300]
    except Exception as error:
        return "crash", repr(error)[:300]
    return "read", ""


class Cases:
    """Runs cases of one kind of input, and fails at the end with every defect among them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self.slowest = 0.0
        self.defects: list[str] = []

    def count(self, small: int) -> range:
        """Return the seeds to try: `small` in CI, many more in `make fuzz`."""
        return range(max(1, round(small * TIMES)))

    def attempt(self, label: object, action: Callable[[], object]) -> str:
        """Run one case; return its outcome."""
        start = time.process_time()
        ended, said = outcome(action)
        self.counts[ended] += 1
        self.slowest = max(self.slowest, time.process_time() - start)
        if ended not in ("read", "refused"):
            self.defects.append(f"{label}: {ended}: {said}")
        return ended


@pytest.fixture
def cases(record_property: Callable[[str, object], None]) -> Iterator[Callable[[str], Cases]]:
    """Return cases of a kind of input; every defect among them is reported together, and outcomes go to the summary."""
    made: list[Cases] = []

    def of(kind: str) -> Cases:
        made.append(Cases(kind))
        return made[-1]

    yield of
    for one in made:
        record_property(TABLE, {"input": one.kind, "outcomes": one.counts, "slowest": one.slowest})
    defects = [f"{one.kind}, {defect}" for one in made for defect in one.defects]
    assert not defects, f"{len(defects)} defects:\n" + "\n".join(defects[:40])


@pytest.fixture
def spoil() -> Callable[[Tree, int], str]:
    """Return a JSON text with one or two random changes, made of a tree and a seed."""
    return lambda tree, seed: spoiled(tree, np.random.default_rng(seed))


@pytest.fixture
def read_all() -> Callable[[Path], None]:
    """Read all that a command would of an input: names, sizes, pixels."""

    def read(path: Path) -> None:
        for one in open_fields([path]):
            _ = one.pixel_size
            for channel in one.channels:
                plane = one.plane(channel)
                assert plane.shape == one.channels[channel].open("")[0].shape
                assert np.isfinite(plane).all()

    return read


@pytest.fixture(autouse=True)
def _warnings_are_not_the_point() -> Iterator[None]:
    """Libraries warn of damage; the command line drops that, and `tests/cli/test_streams.py` shows it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
