"""Scores of label files, each against its truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from pydantic import JsonValue

from frugalseg.errors import BadPixels, WrongShape
from frugalseg.evaluation.intervals import Interval, summarize_scores
from frugalseg.evaluation.scores import Scores, compare_labels
from frugalseg.images.field import ChannelRef
from frugalseg.images.formats import ROI_SUFFIXES
from frugalseg.images.label_checks import check_objects
from frugalseg.images.write import plain
from frugalseg.runs.label_pairs import read_label_file


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
        What was chosen for the user, and doubts.
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

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain values for JSON."""
        mean = {name: interval.to_dict() for name, interval in self.mean.items()}
        content: dict[str, JsonValue] = plain(
            {
                "fields": {name: scores.to_dict() for name, scores in self.scores.items()},
                "mean": mean,
                "failed": dict(self.failed),
                "without_truth": self.without_truth,
                "without_prediction": self.without_prediction,
            }
        )
        return content


def score_pair(name: str, truth: ChannelRef, predicted: ChannelRef) -> tuple[Scores, tuple[str, ...]]:
    """Score one label file.

    Parameters
    ----------
    name
        Of the field.
    truth, predicted
        Files with labels.

    Returns
    -------
    The scores, and doubts whether a file is a label map of objects.

    Raises
    ------
    UnreadableFile, WrongShape, BadPixels
        Names the file at fault.
    """
    if predicted.path.suffix.lower() in ROI_SUFFIXES and truth.path.suffix.lower() not in ROI_SUFFIXES:
        true = read_label_file(name, truth, "truth")  # outlines have no size of their own
        labels = read_label_file(name, predicted, "prediction", true.shape)
    else:
        labels = read_label_file(name, predicted, "prediction")
        true = read_label_file(name, truth, "truth", labels.shape)
    if true.shape != labels.shape:
        sizes = " x ".join(map(str, true.shape)), " x ".join(map(str, labels.shape))
        raise WrongShape(
            f"field {name!r}: the truth {truth.path.name} is {sizes[0]} px and the prediction {predicted.path.name} "
            f"{sizes[1]} px; both must show the same field at the same scale"
        )
    if np.issubdtype(labels.dtype, np.signedinteger) and labels.min(initial=0) < 0:
        raise BadPixels(
            f"field {name!r}: the prediction {predicted.path.name} has negative ids; only a truth may mark pixels as not "
            "annotated (are the two arguments swapped? first the prediction, then the truth)"
        )
    if true.size and not (true >= 0).any():
        raise BadPixels(
            f"field {name!r}: nothing in the truth {truth.path.name} is annotated (every pixel is negative); leave the "
            "field out"
        )
    doubts = (
        *check_objects(true, f"field {name!r}: the truth {truth.path.name}"),
        *check_objects(labels, f"field {name!r}: the prediction {predicted.path.name}"),
    )
    return compare_labels(true, labels), doubts
