"""The report's tables: scores of methods side by side, the cues in plain words, settings line by line."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

OWN = "frugalseg"


@dataclass(frozen=True)
class Metric:
    """A score's name in `Scores.to_dict()`, its heading, and what it says."""

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
COUNTS = (
    Metric("n_true", "True cells", ""),
    Metric("n_predicted", "Found cells", ""),
    Metric("marker_false_negatives", "True cells without a marker", ""),
    Metric("marker_false_positives", "Markers too many", ""),
)
CUES = {
    "n_markers": ("Markers", "one per nucleus; each becomes one cell"),
    "markers_per_megapixel_foreground": ("Markers per megapixel of foreground", "how densely the cells sit"),
    "median_spacing": (
        "Distance to the next marker, median",
        "if well below a cell's diameter, nuclei may be cut in pieces",
    ),
    "foreground_fraction": ("Foreground", "share of the image taken to be cells"),
    "foreground_without_marker": (
        "Foreground without a marker nearby",
        "further than one cell diameter from every marker: cells that will be missed",
    ),
    "markers_outside_foreground": (
        "Markers outside the foreground",
        "debris, or a foreground that is too small",
    ),
}
_SHARES = ("foreground_fraction", "foreground_without_marker")


def score(scores: Mapping[str, Any] | None, key: str) -> float | None:
    """Look a score up; where it is given per threshold, the one at 0.5."""
    value = (scores or {}).get(key)
    if isinstance(value, Mapping):
        value = next((v for k, v in value.items() if float(k) == 0.5), None)
    return None if value is None or value != value else float(value)


def ap_curve(scores: Mapping[str, Any] | None) -> list[tuple[float, float]]:
    """Give (threshold, AP) in rising order; empty when there is none."""
    per_threshold = (scores or {}).get("ap")
    if not isinstance(per_threshold, Mapping):
        return []
    return sorted((float(k), float(v)) for k, v in per_threshold.items() if v is not None)


def mean_scores(many: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Average scores over fields, each field counting once; counts are added up."""
    out: dict[str, Any] = {}
    for metric in METRICS:
        values = [v for v in (score(one, metric.key) for one in many) if v is not None]
        if values:
            out[metric.key] = fmean(values)
    for metric in COUNTS:
        values = [v for v in (score(one, metric.key) for one in many) if v is not None]
        if values:
            out[metric.key] = sum(values)
    curves = [dict(ap_curve(one)) for one in many]
    shared = set.intersection(*(set(curve) for curve in curves)) if curves else set()
    out["ap"] = {threshold: fmean(curve[threshold] for curve in curves) for threshold in sorted(shared)}
    return out


def methods_table(
    own: Mapping[str, Any], baselines: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Any] | None:
    """Put the run's own scores and the baselines' side by side.

    Returns
    -------
    dict or None
        ``headings``; ``rows`` (name, own, and per metric: text and whether it is the best of its column); ``gaps``, per metric the
        difference of the own score to the best baseline. None when there is no score at all.
    """
    named = {OWN: own, **(baselines or {})}
    metrics = [m for m in METRICS if any(score(s, m.key) is not None for s in named.values())]
    if not metrics:
        return None
    best = {m.key: max(v for s in named.values() if (v := score(s, m.key)) is not None) for m in metrics}
    rows = []
    for name, scores in named.items():
        values = [score(scores, m.key) for m in metrics]
        cells = [
            {"text": "–" if v is None else f"{v:.3f}", "best": v is not None and v >= best[m.key] - 5e-4}
            for v, m in zip(values, metrics, strict=True)
        ]
        rows.append({"name": name, "own": name == OWN, "cells": cells})
    gaps = [gap(own, baselines, m.key) for m in metrics] if baselines else []
    return {
        "headings": metrics,
        "rows": rows,
        "gaps": [{"text": signed(g), "ahead": (g or 0) > 0} for g in gaps],
    }


def best_baseline(baselines: Mapping[str, Mapping[str, Any]] | None, key: str) -> str | None:
    """Name the baseline with the highest score."""
    values = {n: v for n, s in (baselines or {}).items() if (v := score(s, key)) is not None}
    return max(values, key=values.__getitem__) if values else None


def gap(
    own: Mapping[str, Any] | None, baselines: Mapping[str, Mapping[str, Any]] | None, key: str
) -> float | None:
    """Subtract the best baseline's score from the run's own."""
    mine, name = score(own, key), best_baseline(baselines, key)
    theirs = score((baselines or {})[name], key) if name is not None else None
    return None if mine is None or theirs is None else mine - theirs


def signed(value: float | None) -> str:
    """Write a difference with its sign.

    >>> signed(0.0512), signed(-0.2), signed(None)
    ('+0.051', '−0.200', '–')
    """
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


def counts_table(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give the counts that are there, as text."""
    values = [(m.heading, score(scores, m.key)) for m in COUNTS]
    return [(heading, f"{value:,.0f}") for heading, value in values if value is not None]


def cue_table(quality: Mapping[str, Any]) -> dict[str, Any]:
    """Say what the cues are like, and whether there is a reason to doubt them."""
    warnings = [str(sentence) for sentence in quality.get("warnings") or ()]
    rows = []
    for key, value in quality.items():
        if key != "warnings" and not isinstance(value, Mapping | list | tuple):
            name, meaning = CUES.get(key, (key.replace("_", " ").capitalize(), ""))
            rows.append({"name": name, "meaning": meaning, "value": _cue_text(key, value)})
    if not warnings:
        verdict = "The cues look sound: markers and foreground agree."
    elif len(warnings) == 1:
        verdict = "One thing to check before you trust this field."
    else:
        verdict = f"{len(warnings)} things to check before you trust this field."
    return {"sound": not warnings, "verdict": verdict, "warnings": warnings, "rows": rows}


def _cue_text(key: str, value: Any) -> str:
    if value is None:
        return "–"
    if key in _SHARES:
        return f"{float(value):.1%}"
    if key == "median_spacing":
        return f"{float(value):.1f} px"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Write nested settings line by line.

    >>> list(flatten({"a": {"b": [1, 2], "c": None}, "d": {}}))
    [('a.b', '1, 2'), ('a.c', '–'), ('d', '–')]
    """
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        elif value is None or value == {} or value == [] or value == ():
            yield f"{prefix}{key}", "–"
        else:
            is_list = isinstance(value, list | tuple)
            yield f"{prefix}{key}", ", ".join(map(str, value)) if is_list else str(value)


def figure(value: float) -> str:
    """Write a number with the digits that matter.

    >>> figure(-201512.3), figure(0.0123456)
    ('−201,512', '0.01235')
    """
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", "−")


def duration(seconds: float | None) -> str:
    """Write a time as people say it.

    >>> duration(4.26), duration(187), duration(7325), duration(None)
    ('4.3 s', '3 min 7 s', '2 h 2 min', '–')
    """
    if seconds is None:
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
