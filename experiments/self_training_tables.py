"""Tables of docs/results/no-labels.md, from the scores that self_training.py wrote.

    python experiments/self_training_tables.py [FILE.jsonl]

By default from experiments/records/self_training_rounds.jsonl. Printed: scores of every kind of cells after the last round, paired
differences to the best classical method, and scores after each round where the record has several.
"""

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from real_fields import read_lines

from frugalseg.evaluation.intervals import mean_interval

RECORD = Path(__file__).parent / "records" / "self_training_rounds.jsonl"

#: Name in the tables -> kind of the record, and how its fields begin.
ROWS = {
    "HeLa, together": ("HeLa", "hela"),
    "HeLa `hela_5`, unseen": ("HeLa unseen", "hela_5"),
    "MCF10A, together": ("MCF10A", "mcf10a"),
    "MCF10A, unseen": ("HeLa unseen", "mcf10a"),
    "RAW, together": ("RAW", "raw"),
    "RAW, unseen": ("HeLa unseen", "raw"),
    "3T3, together": ("3T3", "3t3"),
    "3T3, unseen": ("HeLa unseen", "3t3"),
    "Kc167, together": ("Kc167", "kc167"),
    "macrophages, together": ("macrophage", "macrophagocyte"),
    "neurons, together": ("neuronal", "neurocyte"),
}

#: Rounds of a student by default.
LAST = 3

#: The classical method, the student without nuclei and with them.
METHODS = ("baseline", "plain", "nuclei")


def scores_of(
    rows: list[dict[str, Any]], kind: str, begins: str, method: str, rounds: int = LAST
) -> np.ndarray:
    """Return mIoU and mAP of a method: (fields, seeds, 2)."""
    chosen = {
        (row["field"], row["seed"]): row[method][:2]
        for row in rows
        if row["kind"] == kind and row["field"].startswith(begins) and row["rounds"] == rounds
    }
    fields, seeds = (sorted({key[at] for key in chosen}) for at in (0, 1))
    return np.array([[chosen[field, seed] for seed in seeds] for field in fields])


def mean_and_spread(scores: np.ndarray) -> str:
    """Return mIoU / mAP: the mean over fields, ± the standard deviation over seeds where they differ.

    >>> mean_and_spread(np.array([[[0.5, 0.2], [0.7, 0.4]]]))
    '0.600 ± 0.141 / 0.300 ± 0.141'
    """
    of_seeds = scores.mean(axis=0)
    spread = of_seeds.std(axis=0, ddof=1) if len(of_seeds) > 1 else np.zeros(2)
    fixed = np.ptp(of_seeds, axis=0).max() == 0
    return " / ".join(
        f"{one:.3f}" if fixed else f"{one:.3f} ± {more:.3f}"
        for one, more in zip(of_seeds.mean(axis=0), spread, strict=True)
    )


def print_tables(rows: list[dict[str, Any]]) -> None:
    """Print both tables; kinds that the record lacks are left out."""
    differences = []
    print(
        "| fields | n | teacher | best baseline | student | student, with nuclei |\n|---|---|---|---|---|---|"
    )
    for name, where in ROWS.items():
        if not any(row["kind"] == where[0] for row in rows):
            continue
        scores = {method: scores_of(rows, *where, method) for method in ("teacher", *METHODS)}
        cells = " | ".join(mean_and_spread(one) for one in scores.values())
        print(f"| {name} | {len(scores['plain'])} | {cells} |")
        found = []
        for method in ("plain", "nuclei"):
            paired = (scores[method] - scores["baseline"])[..., 1].mean(axis=1)
            found.append(f"{_signed(paired.tolist())} ({(paired > 0).sum()} of {len(paired)})")
        differences.append(f"| {name} | {' | '.join(found)} |")
    print("\n| fields | student | student, with nuclei |\n|---|---|---|\n" + "\n".join(differences))


def print_rounds(rows: list[dict[str, Any]]) -> None:
    """Print scores with nuclei after each round of one training, and what the later rounds add in mAP."""
    rounds = sorted({row["rounds"] for row in rows})
    if len(rounds) == 1:
        return
    heads = ["fields", *(f"{one} round{'s'[: one > 1]}" for one in rounds)]
    added = [f"{one} - {before}, mAP" for before, one in pairwise(rounds)]
    print(f"\n| {' | '.join([*heads, *added])} |\n|{'---|' * (len(heads) + len(added))}")
    for name, where in ROWS.items():
        scores = [scores_of(rows, *where, "nuclei", one) for one in rounds]
        steps = [(later - one)[..., 1].mean(axis=0) for one, later in pairwise(scores)]
        cells = [
            *map(mean_and_spread, scores),
            *(", ".join(f"{seed:+.3f}" for seed in step) for step in steps),
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def _signed(differences: list[float]) -> str:
    """Return the mean difference with its sign, and its interval where there are several."""
    found = mean_interval(differences)
    return f"{found.mean:+.3f}" + ("" if found.low is None else f" [{found.low:.3f}, {found.high:.3f}]")


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("record", type=Path, nargs="?", default=RECORD)
    rows = read_lines(options.parse_args().record)
    print_tables(rows)
    print_rounds(rows)


if __name__ == "__main__":
    main()
