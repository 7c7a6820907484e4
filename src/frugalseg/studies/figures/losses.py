"""The loss of the trainings of a study, from the records beside their models."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadModel
from frugalseg.studies.scores.curves import names_of
from frugalseg.studies.scores.score_rows import ScoreRow

LOSSES_SHOWN = "the loss, mean of the last fifth of the steps so far, and of all trainings of an arm; one that ended early keeps its last"
"""What `find_losses` returns, for a caption."""


def find_losses(rows: Iterable[ScoreRow], out: Path) -> dict[str, list[float]]:
    """Return the loss after each step from 1 by arm, as far as the runs of these rows have kept it.

    Parameters
    ----------
    rows
        Of one task.
    out
        Folder of the study; the records lie in the models of its runs, of which a run may have one for each field.
    """
    from frugalseg.models.model_files import read_training  # loads torch

    found: dict[str, list[NDArray[np.float64]]] = {}
    for arm, run in names_of((row.arm, row.run) for row in rows):
        for folder in sorted((out / "runs" / run).glob("*model")):
            try:
                record = read_training(folder)
            except BadModel:  # the scores stand without a loss
                continue
            if record is not None and record.losses:
                found.setdefault(arm, []).append(smooth_losses(record.losses))
    return {arm: _mean_of(curves).tolist() for arm, curves in found.items()}


def smooth_losses(losses: Sequence[float]) -> NDArray[np.float64]:
    """Return the mean of the last fifth of the losses up to each step, so that a scale of powers of two is smooth all along.

    >>> smooth_losses([5.0, 4.0, 3.0, 2.0, 1.0, 0.0]).tolist()
    [5.0, 4.0, 3.0, 2.0, 1.0, 0.5]
    """
    sums = np.concatenate([[0.0], np.cumsum(losses)])
    ends = np.arange(1, len(sums))
    widths = -(-ends // 5)
    means: NDArray[np.float64] = (sums[ends] - sums[ends - widths]) / widths
    return means


def _mean_of(curves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    longest = max(map(len, curves))
    mean: NDArray[np.float64] = np.mean(
        [np.pad(one, (0, longest - len(one)), mode="edge") for one in curves], axis=0
    )
    return mean
