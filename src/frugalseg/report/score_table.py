"""Scores of the run and of the baselines as the tables of a report."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from frugalseg.evaluation.scores import Scores
from frugalseg.report.number_texts import difference_text, score_text

OWN = "frugalseg"
"""Name of the run's own scores beside those of baselines."""


class Metric(NamedTuple):
    """Name of a score in `Scores`, its heading, and its meaning."""

    key: str
    heading: str
    meaning: str


METRICS = (
    Metric("cell_miou", "Mean cell IoU", "Overlap of each true cell with its result, averaged over cells"),
    Metric("mAP", "mAP", "Average precision, mean over IoU thresholds 0.50 to 0.95"),
    Metric("f1", "F1 at 0.5", "Harmonic mean of precision and recall; a hit is an IoU of at least 0.5"),
    Metric("pq", "PQ", "Panoptic quality: recognition times the overlap of hits"),
    Metric("aji", "AJI", "Aggregated Jaccard index: one overlap for the whole field"),
    Metric(
        "two_class_miou",
        "Two-class mIoU",
        "Overlap of cell and background, averaged; flatters, for comparison",
    ),
)
COUNTS = {
    "n_true": "True cells",
    "n_predicted": "Found cells",
    "marker_false_negatives": "True cells without a marker",
    "marker_false_positives": "Superfluous markers",
}


class Cell(NamedTuple):
    """A score as text, and whether it is emphasised: the best of its column, or ahead of all baselines."""

    text: str
    best: bool


class MethodRow(NamedTuple):
    """Scores of one method, and whether it is the run's own."""

    name: str
    own: bool
    cells: list[Cell]


class MethodsTable(NamedTuple):
    """Methods below each other, metrics side by side; `gaps` compares the run with the best baseline of each metric."""

    metrics: tuple[Metric, ...]
    rows: list[MethodRow]
    gaps: list[Cell]


def methods_table(own: Scores, baselines: Mapping[str, Scores]) -> MethodsTable:
    """Return the run's own scores and those of the baselines as one table."""
    named = {OWN: own, **baselines}
    best = {metric.key: max(getattr(scores, metric.key) for scores in named.values()) for metric in METRICS}
    rows = []
    for name, scores in named.items():
        values = {metric.key: getattr(scores, metric.key) for metric in METRICS}
        cells = [Cell(score_text(value), value >= best[key] - 5e-4) for key, value in values.items()]
        rows.append(MethodRow(name, name == OWN, cells))
    gaps = [gap(own, baselines, metric.key) for metric in METRICS] if baselines else []
    return MethodsTable(METRICS, rows, [Cell(difference_text(value), (value or 0) > 0) for value in gaps])


def gap(own: Scores | None, baselines: Mapping[str, Scores], key: str) -> float | None:
    """Return the run's own score minus the best baseline's; None when either is unknown."""
    if own is None or not baselines:
        return None
    difference: float = getattr(own, key) - max(getattr(scores, key) for scores in baselines.values())
    return difference


def mean_scores(fields: Sequence[Scores]) -> Scores:
    """Average scores over one field or more, each field counting once, and add up the counts."""
    return Scores(
        **{name: _combined([getattr(field, name) for field in fields]) for name in Scores.model_fields}
    )


def _combined(values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if isinstance(known[0], Mapping):
        return {threshold: fmean(field[threshold] for field in known) for threshold in known[0]}
    return sum(known) if isinstance(known[0], int) else fmean(known)


def counts_table(scores: Scores) -> list[tuple[str, str]]:
    """Return heading and text of every count that is known."""
    counts = [(heading, getattr(scores, key)) for key, heading in COUNTS.items()]
    return [(heading, f"{count:,}") for heading, count in counts if count is not None]
