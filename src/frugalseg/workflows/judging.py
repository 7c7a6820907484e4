"""How good the cells of a run are: scores and baselines of a field, its page in the report, means over fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.quality import CueQuality
from frugalseg.evaluation.baselines import BASELINES
from frugalseg.evaluation.intervals import SUMMARIZED, mean_interval
from frugalseg.evaluation.scores import Scores, score_labels
from frugalseg.images.resize import resize_labels
from frugalseg.instances.clean import clean_labels
from frugalseg.learning.from_markers.marker_batches import MarkerSample
from frugalseg.report import FieldReport, TrainingCurve, preview
from frugalseg.workflows.cues import FieldCues
from frugalseg.workflows.outputs import Outputs

#: Dim nuclei are lifted in the report's picture by this exponent.
NUCLEI_GAMMA = 0.6


@dataclass(frozen=True)
class Segmented:
    """Cells of one field.

    Attributes
    ----------
    labels
        (Y,X) uint32, the id is the marker's number counted from 1.
    sample
        What the network saw.
    record
        What else is to be kept, as plain values.
    curve
        Loss of a training run of this field alone.
    """

    labels: NDArray[np.uint32]
    sample: MarkerSample
    record: Mapping[str, Any]
    curve: TrainingCurve | None = None


def judge(truth: NDArray[Any], cues: FieldCues, cut: Segmented, baselines: bool) -> dict[str, Any]:
    """Scores of the cells, and of the classical methods where `baselines` is set."""
    result: dict[str, Any] = {"scores": score_labels(truth, cut.labels, cues.markers.points).to_dict()}
    if baselines:
        result["baselines"] = score_baselines(truth, cues, cut.sample)
    return result


def score_baselines(truth: NDArray[Any], cues: FieldCues, sample: MarkerSample) -> dict[str, Any]:
    """Scores of the classical methods, from the same markers and foreground, tidied like ours.

    They work at the working scale on the root of the first channel's grey values, from which the network's position
    channel is made as well. That serves them better than the network's flattened input
    (``experiments/baseline_pixels.py``).
    """
    points, scores = cues.markers.points, {}
    pixels = sample.planes[0] if sample.cost_image is None else sample.cost_image
    for name, method in BASELINES.items():
        small = method(pixels, sample.points, sample.foreground)
        labels = clean_labels(resize_labels(small, cues.shape), points)
        scores[name] = score_labels(truth, labels, points).to_dict()
    return scores


def field_report(
    cues: FieldCues,
    labels: NDArray[np.uint32],
    truth: NDArray[Any] | None,
    record: Mapping[str, Any],
    rows: Any,
) -> FieldReport:
    """One field as the report shows it."""
    return FieldReport(
        name=cues.name,
        image=preview(cues.planes),
        labels=labels,
        markers=cues.markers.points,
        nuclei=None if cues.nuclei is None else preview(cues.nuclei, gamma=NUCLEI_GAMMA),
        foreground=cues.foreground.mask,
        truth=truth,
        measurements=rows,
        pixel_size=cues.pixel_size,
        **numbers_of(record),
    )


def numbers_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What the report takes from a field's record."""
    return {
        "cue_quality": None if record["cues"] is None else CueQuality.from_dict(record["cues"]),
        "scores": scores_of(record),
        "baselines": {n: Scores.from_dict(s) for n, s in (record.get("baselines") or {}).items()},
        "seconds": record["seconds"],
        "warnings": tuple(record["warnings"]),
    }


def scores_of(record: Mapping[str, Any]) -> Scores | None:
    """Return the scores of a field's record, where it has some."""
    return Scores.from_dict(record["scores"]) if "scores" in record else None


def summarise(outputs: Outputs, truth: str | None) -> dict[str, Any]:
    """Mean scores over the fields that have truth, with 95 % intervals, and every warning."""
    done = {name: outputs.done[name] for name in outputs.names if name in outputs.done}
    scored = [record for record in done.values() if "scores" in record]
    summary: dict[str, Any] = {"warnings": [f"{n}: {w}" for n, r in done.items() for w in r["warnings"]]}
    summary["warnings"] += [f"{name} failed: {reason}" for name, reason in outputs.failed.items()]
    if truth is not None and done and not scored:
        summary["warnings"].append(f"No field has true labels in {truth!r}, so nothing was scored.")
    if scored:
        summary["scores"] = _means([record["scores"] for record in scored])
        methods = dict.fromkeys(name for record in scored for name in record.get("baselines") or {})
        if methods:
            summary["baselines"] = {
                name: _means([record["baselines"][name] for record in scored]) for name in methods
            }
    return summary


def _means(scores: list[Mapping[str, Any]]) -> dict[str, Any]:
    intervals = {name: mean_interval([one[name] for one in scores]) for name in SUMMARIZED}
    intervals["ap50"] = mean_interval([one["ap"]["0.50"] for one in scores])
    return {name: one.to_dict() for name, one in intervals.items()}
