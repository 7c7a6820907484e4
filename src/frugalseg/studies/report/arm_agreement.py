"""How much the cells of two arms are the same cells, without any truth (paper B's agreement between modalities)."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from frugalseg.evaluation.intervals import Interval
from frugalseg.evaluation.matching import match_labels
from frugalseg.evaluation.scores import best_match_miou
from frugalseg.studies.figures.example_panels import label_file, read_labels
from frugalseg.studies.scores.curves import find_spread, names_of
from frugalseg.studies.scores.score_rows import ScoreRow


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
    for arm in set(seedless) & files.keys():
        every = {seed for own in files.values() for _, seed, _ in own}
        files[arm] |= {
            (fold, seed, field): one for (fold, _, field), one in files[arm].items() for seed in every
        }
    values: dict[tuple[str, str], dict[tuple[str, int, str], float]] = {}
    compared: set[tuple[Path, Path]] = set()
    for key in names_of(key for own in files.values() for key in own):
        there = {arm: own[key] for arm, own in files.items() if key in own}
        maps = {arm: read_labels(file) for arm, file in there.items()}
        for arm, other in combinations(there, 2):
            both = there[arm], there[other]
            if both not in compared and maps[arm].shape == maps[other].shape:
                compared.add(both)
                values.setdefault((arm, other), {})[key] = label_agreement(maps[arm], maps[other])
    spreads = {pair: find_spread(found, of_scores=True) for pair, found in values.items()}
    return tuple(ArmAgreement(*pair, one.fields, one.seeds) for pair, one in spreads.items())
