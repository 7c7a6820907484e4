"""How much the cells of two arms are the same cells, without any truth (paper B's agreement between modalities)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from frugalseg.evaluation.intervals import Interval
from frugalseg.evaluation.matching import match_labels
from frugalseg.evaluation.scores import best_match_miou
from frugalseg.studies.curves import find_spread, names_of
from frugalseg.studies.example_panels import label_file, read_labels
from frugalseg.studies.score_rows import ScoreRow


@dataclass(frozen=True)
class ArmAgreement:
    """Mean IoU between the cells of two arms: mean over fields of means over seeds.

    Attributes
    ----------
    fields, seeds
        Intervals over test fields and over seeds.
    """

    arm: str
    other: str
    fields: Interval
    seeds: Interval


def label_agreement(labels: NDArray[Any], others: NDArray[Any]) -> float:
    """Return the mean IoU of each cell with the best one of the other map, averaged over both ways.

    Parameters
    ----------
    labels, others
        (Y,X); 0 background.

    Examples
    --------
    >>> import numpy as np
    >>> label_agreement(np.array([[1, 1, 2, 2]]), np.array([[1, 1, 0, 0]]))
    0.75
    """
    ways = (labels, others), (others, labels)
    return sum(best_match_miou(match_labels(*way)) for way in ways) / 2


def find_agreements(
    rows: Iterable[ScoreRow], out: Path, seedless: Iterable[str] = ()
) -> tuple[ArmAgreement, ...]:
    """Return the agreement of every two arms on the fields that both have written labels of.

    Parameters
    ----------
    rows
        Of one task and metric, one for each arm, fold, seed and field.
    out
        Folder of the study.
    seedless
        Arms in which nothing is random: their labels are compared with those of every seed.
    """
    files: dict[str, dict[tuple[str, int, str], Path]] = {}
    for row in rows:
        file = label_file(out, row)
        if file.is_file():
            files.setdefault(row.arm, {})[row.fold, row.seed, row.field] = file
    free = set(seedless)
    found = []
    for arm, other in combinations(names_of(files), 2):
        pairs = _paired(files[arm], files[other], (arm in free) - (other in free))
        values: dict[tuple[str, int, str], float] = {}
        for key, (one, another) in pairs.items():
            maps = read_labels(one), read_labels(another)
            if maps[0].shape == maps[1].shape:
                values[key] = label_agreement(*maps)
        if values:
            spread = find_spread(values)
            found.append(ArmAgreement(arm, other, spread.fields, spread.seeds))
    return tuple(found)


def _paired(
    files: Mapping[tuple[str, int, str], Path], others: Mapping[tuple[str, int, str], Path], free: int
) -> dict[tuple[str, int, str], tuple[Path, Path]]:
    """Pair files; `free` is 1 where the first side has no seed, -1 where the second has none."""
    if free == 1:
        files = _for_seeds(files, others)
    elif free == -1:
        others = _for_seeds(others, files)
    return {key: (file, others[key]) for key, file in files.items() if key in others}


def _for_seeds(
    files: Mapping[tuple[str, int, str], Path], others: Iterable[tuple[str, int, str]]
) -> dict[tuple[str, int, str], Path]:
    seeds = {seed for _, seed, _ in others}
    return {(fold, seed, field): file for (fold, _, field), file in files.items() for seed in seeds}
