"""``frugalseg score``: label maps against their truth, field by field and in the mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from frugalseg.errors import BadPixels, FrugalsegError, WrongShape
from frugalseg.evaluation.intervals import Interval, summarize_scores
from frugalseg.evaluation.scores import Scores, score_labels
from frugalseg.images.field import ChannelRef
from frugalseg.workflows.pairs import find_pairs, labels_of

COLUMNS = {
    "cell_miou": "cell\nmIoU",
    "mAP": "mAP",
    "ap50": "AP\n0.5",
    "f1": "F1\n0.5",
    "aji": "AJI",
    "pq": "PQ",
    "two_class_miou": "2-class\nmIoU",
}


@dataclass(frozen=True)
class ScoreTable:
    """Scores of every field that has a truth.

    Attributes
    ----------
    scores
        Field name -> its scores.
    failed
        Field name -> why it could not be scored, in one line.
    without_truth, without_prediction
        Fields on one side only; they count nowhere.
    notes
        What was chosen for the user.
    """

    scores: Mapping[str, Scores]
    failed: Mapping[str, str] = field(default_factory=dict)
    without_truth: tuple[str, ...] = ()
    without_prediction: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def mean(self) -> dict[str, Interval]:
        """Mean over the fields and its 95 % interval, by name of the score."""
        return summarize_scores(list(self.scores.values())) if self.scores else {}

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        mean = {name: one.to_dict() for name, one in self.mean.items()}
        return {
            "fields": {name: one.to_dict() for name, one in self.scores.items()},
            "mean": mean,
            "failed": dict(self.failed),
            "without_truth": list(self.without_truth),
            "without_prediction": list(self.without_prediction),
        }


def score_files(predicted: str | Path, truth: str | Path, labels: str | None = None) -> ScoreTable:
    """Score label files against true label files.

    Parameters
    ----------
    predicted, truth, labels
        Files, folders or a table, brought together by field name; see `frugalseg.workflows.pairs.find_pairs`.

    Returns
    -------
    ScoreTable
        Fields that can't be scored (shapes that differ, a damaged file) are listed with the reason.

    Raises
    ------
    InputError
        Nothing can be compared: an input is missing, no field has a partner, or the only one can't be scored.
    """
    found = find_pairs(Path(predicted), Path(truth), labels)
    scores: dict[str, Scores] = {}
    failed: dict[str, str] = {}
    notes = list(found.notes)
    for name, (true_ref, predicted_ref) in found.pairs.items():
        try:
            scores[name] = score_pair(name, true_ref, predicted_ref, notes)
        except FrugalsegError as error:
            if len(found.pairs) == 1:
                raise
            failed[name] = str(error)
    return ScoreTable(scores, failed, found.without_truth, found.without_prediction, tuple(notes))


def score_pair(name: str, truth: ChannelRef, predicted: ChannelRef, notes: list[str] | None = None) -> Scores:
    """Score one label file; `WrongShape`, `UnreadableFile` or `BadPixels` names the file at fault.

    A doubt whether a file is a label map at all is added to `notes`.
    """
    ours = labels_of(name, predicted, "prediction")
    true = labels_of(name, truth, "truth", ours.shape)
    if true.shape != ours.shape:
        sizes = " x ".join(map(str, true.shape)), " x ".join(map(str, ours.shape))
        raise WrongShape(
            f"field {name!r}: the truth {truth.path.name} is {sizes[0]} px and the prediction {predicted.path.name} "
            f"{sizes[1]} px; both must show the same field at the same scale"
        )
    if np.issubdtype(ours.dtype, np.signedinteger) and ours.min(initial=0) < 0:
        raise BadPixels(
            f"field {name!r}: the prediction {predicted.path.name} has negative ids; only a truth may mark pixels as not "
            "annotated (are the two arguments swapped? first the prediction, then the truth)"
        )
    if true.size and not (true >= 0).any():
        raise BadPixels(
            f"field {name!r}: nothing in the truth {truth.path.name} is annotated (every pixel is negative); leave the "
            "field out"
        )
    for labels, ref in ((true, truth), (ours, predicted)):
        if notes is not None and looks_grey(labels):
            notes.append(f"{ref.path.name} of field {name!r} looks like a grey image, not like a label map")
    return score_labels(true, ours)


def looks_grey(labels: NDArray[Any]) -> bool:
    """Whether neighbours mostly differ, which inside a cell they never do."""
    left, right = labels[:, :-1], labels[:, 1:]
    inside = (left > 0) & (right > 0)
    return bool(inside.any()) and float((left == right)[inside].mean()) < 0.5


def print_scores(found: ScoreTable, console: Console) -> None:
    """Print one row per field and the mean; what was left out is said below."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("field", overflow="fold")
    for title in (*COLUMNS.values(), "true\ncells", "found\ncells"):
        table.add_column(title, justify="right")
    for name, one in found.scores.items():
        values = [one.ap[0.5] if key == "ap50" else getattr(one, key) for key in COLUMNS]
        cells = [*(f"{value:.3f}" for value in values), str(one.n_true), str(one.n_predicted)]
        table.add_row(Text(name), *cells)
    if len(found.scores) > 1:
        mean = {name: one.mean for name, one in found.mean.items()}
        mean["ap50"] = float(np.mean([one.ap[0.5] for one in found.scores.values()]))
        totals = [
            str(sum(getattr(one, key) for one in found.scores.values())) for key in ("n_true", "n_predicted")
        ]
        table.add_section()
        table.add_row("mean", *(f"{mean[key]:.3f}" for key in COLUMNS), *totals)
    console.print(table)
    if len(found.scores) > 1:
        for key, title in (("cell_miou", "cell mIoU"), ("mAP", "mAP")):
            console.print(Text(f"{title}: {found.mean[key]} (mean over fields, 95 % interval)"))


def remarks(found: ScoreTable) -> list[str]:
    """Say, one line each, what was chosen and what was left out."""
    lines = list(found.notes)
    for names, text in (
        (found.without_truth, "have a prediction and no truth, and are left out"),
        (found.without_prediction, "have a truth and no prediction, and are left out of the mean"),
    ):
        if names:
            lines.append(
                f"fields that {text}: {', '.join(names[:6])}{', ...' * (len(names) > 6)} ({len(names)})"
            )
    return lines
