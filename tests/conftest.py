"""Fixtures every room's tests share."""

import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

# The networks here are tiny: threads only wait for each other, for minutes on a busy machine. Set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


#: Files that take minutes. They come first: several processes share the files, and none should be left alone with one of these.
LONG = ("test_study_kills.py", "test_smoke_designs.py", "test_kills.py", "test_documents.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; apart from that, tests keep their order."""
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the real images; the test is skipped with a reason where there is none."""
    folder = Path(os.environ.get("FRUGALSEG_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images: {folder} is not a folder (set FRUGALSEG_DATA)")
    return folder


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what became of the malformed inputs of `tests/fuzz`, which docs/reliability.md quotes.

    Reports carry the outcomes, so that the table is whole also where several processes share the tests.
    """
    outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    slowest: defaultdict[str, float] = defaultdict(float)
    reports = [one for group in terminalreporter.stats.values() for one in group]
    for report in reports:
        for name, case in report.user_properties if getattr(report, "when", None) == "teardown" else ():
            if name == "malformed inputs":
                outcomes[case["input"]].update(case["outcomes"])
                slowest[case["input"]] = max(slowest[case["input"]], case["slowest"])
    if not outcomes:
        return
    names = list(next(iter(outcomes.values())))
    total: Counter[str] = Counter()
    terminalreporter.section("malformed inputs")
    terminalreporter.write_line(
        f"{'input':<28}{'tried':>8}" + "".join(f"{one:>13}" for one in names) + f"{'slowest':>10}"
    )
    for kind, counts in sorted(outcomes.items()):
        total.update(counts)
        cells = "".join(f"{counts[one]:>13}" for one in names)
        terminalreporter.write_line(f"{kind:<28}{counts.total():>8}{cells}{slowest[kind]:>9.1f}s")
    terminalreporter.write_line(
        f"{'all':<28}{total.total():>8}" + "".join(f"{total[one]:>13}" for one in names)
    )
