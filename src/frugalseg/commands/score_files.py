"""``frugalseg score``: label files against their truth, field by field and on average."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from frugalseg.errors import FrugalsegError, OutputExists, OutputFailed, UnreadableFile
from frugalseg.evaluation.scores import Scores
from frugalseg.images.memory import memory_errors
from frugalseg.images.unfinished import remove_unfinished
from frugalseg.images.write import path_taken, write_json
from frugalseg.runs.label_pairs import find_pairs
from frugalseg.runs.label_scores import ScoreTable, score_pair
from frugalseg.runs.records import read_json

COLUMNS = {
    "cell_miou": "cell\nmIoU",
    "mAP": "mAP",
    "ap50": "AP\n0.5",
    "f1": "F1\n0.5",
    "aji": "AJI",
    "pq": "PQ",
    "two_class_miou": "2-class\nmIoU",
}


def score_files(
    predicted: str | Path,
    truth: str | Path,
    labels: str | None = None,
    json_file: Path | None = None,
    overwrite: bool = False,
) -> ScoreTable:
    """Score label files against true label files.

    Parameters
    ----------
    predicted, truth, labels
        Files, folders or a table, brought together by field name; see `frugalseg.runs.label_pairs.find_pairs`.
    json_file
        All scores are written to it; not if it is called ``-``, which stands for a caller that prints them.
    overwrite
        Replace a file that already exists.

    Returns
    -------
    ScoreTable
        Fields that can't be scored (shapes that differ, a damaged file) are listed with the reason.

    Raises
    ------
    InputError
        Nothing can be compared: an input is missing, no field has a partner, or the only one can't be scored.
    OutputExists, OutputFailed
        The file exists already, or can't be written.
    """
    target = None if json_file is None or str(json_file) == "-" else json_file
    taken = target is not None and path_taken(target)
    if target is not None and taken and target.is_dir():
        raise OutputFailed(f"{target} is a folder, and all scores go into one file; give the name of a file")
    if taken and not overwrite:
        raise OutputExists(f"{target} exists already; give `overwrite` to replace it")
    if taken and target is not None and not _holds_scores(target):
        raise OutputExists(f"{target} holds no scores, so it is not replaced; give another name")
    pairs = find_pairs(Path(predicted), Path(truth), labels)
    scores: dict[str, Scores] = {}
    failed: dict[str, str] = {}
    notes = list(pairs.notes)
    for name, (true_file, predicted_file) in pairs.pairs.items():
        try:
            with memory_errors(f"scoring field {name!r}"):
                scores[name], doubts = score_pair(name, true_file, predicted_file)
        except FrugalsegError as error:
            if len(pairs.pairs) == 1:
                raise
            failed[name] = str(error)
        else:
            notes += doubts
    table = ScoreTable(scores, failed, pairs.without_truth, pairs.without_prediction, tuple(notes))
    if target is not None:
        remove_unfinished(target)
        write_json(target, table.to_dict(), overwrite=overwrite)
    return table


def _holds_scores(path: Path) -> bool:
    """Return whether a file was written by this command, so that it may be replaced."""
    try:
        return {"fields", "mean"} <= read_json(path).keys()
    except UnreadableFile:
        return False


def print_scores(table: ScoreTable, console: Console) -> None:
    """Print one row for each field, and the mean."""
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    shown.add_column("field", overflow="fold")
    for title in (*COLUMNS.values(), "true\ncells", "found\ncells"):
        shown.add_column(title, justify="right")
    for name, scores in table.scores.items():
        values = [scores.ap[0.5] if key == "ap50" else getattr(scores, key) for key in COLUMNS]
        counts = (str(scores.n_true), str(scores.n_predicted))
        shown.add_row(Text(name), *(f"{value:.3f}" for value in values), *counts)
    if len(table.scores) > 1:
        mean = {name: interval.mean for name, interval in table.mean.items()}
        totals = [
            str(sum(getattr(scores, key) for scores in table.scores.values()))
            for key in ("n_true", "n_predicted")
        ]
        shown.add_section()
        shown.add_row("mean", *(f"{mean[key]:.3f}" for key in COLUMNS), *totals)
    console.print(shown)
    if len(table.scores) > 1:
        for key, title in (("cell_miou", "cell mIoU"), ("mAP", "mAP")):
            console.print(Text(f"{title}: {table.mean[key]} (mean over fields, 95 % interval)"))


def score_notes(table: ScoreTable) -> list[str]:
    """Return what was chosen and what was left out, one line each."""
    lines = list(table.notes)
    for names, text in (
        (table.without_truth, "have a prediction and no truth, and are left out"),
        (table.without_prediction, "have a truth and no prediction, and are left out of the mean"),
    ):
        if names:
            listed = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
            lines.append(f"fields that {text}: {listed} ({len(names)})")
    return lines
