"""The contents of a report: typed data, no HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.quality import CueQuality
from frugalseg.errors import WrongShape
from frugalseg.evaluation.measurements import Row, measure_cells
from frugalseg.evaluation.nuclei_agreement import NucleiAgreement
from frugalseg.evaluation.scores import Scores
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.report.comparisons import Comparison
from frugalseg.report.drawings import Drawing
from frugalseg.report.number_tables import NumberTable

FULL_FIELDS = 12
"""Fields and comparisons shown in full; those after them keep their numbers, so the file stays small."""

THUMBNAIL_SIDE = 360
"""px of the longer side of a condensed field, at most."""

_KEPT_MEASUREMENTS = (
    "label",
    "area",
    "area_um2",
    "equivalent_diameter",
    "eccentricity",
    "solidity",
    "touches_border",
    "confidence",
)


@dataclass(kw_only=True)
class TrainingCurve:
    """Loss of one training run, and the score on its validation set.

    Parameters
    ----------
    name
        What was trained, e.g. the name of the field.
    steps, losses
        Same length, in the order of training.
    terms
        Terms of the loss by name, each as long as `steps`.
    stopped_because
        One phrase, e.g. "the loss was stable".
    history
        (step, score) of every validation step; more is better, and the best one is marked.
    history_name
        What was scored, e.g. "PCC of the held-out fields".

    Raises
    ------
    WrongShape
        When a part of the curve does not have one value per step.
    """

    name: str
    steps: Sequence[int]
    losses: Sequence[float]
    terms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    stopped_because: str = ""
    history: Sequence[tuple[int, float]] = ()
    history_name: str = "Validation score"

    def __post_init__(self) -> None:
        """Refuse curves whose parts don't have one value per step."""
        for name, values in {"losses": self.losses, **self.terms}.items():
            if len(values) != len(self.steps):
                raise WrongShape(
                    f"Curve {self.name!r} has {len(self.steps)} steps and {len(values)} values for {name}; "
                    "give one value per step."
                )

    @classmethod
    def of(cls, name: str, record: TrainingRecord, history_name: str = "Validation score") -> "TrainingCurve":
        """Return the curve of a training record."""
        return cls(
            name=name,
            steps=range(1, record.steps + 1),
            losses=record.losses,
            terms=record.terms,
            stopped_because=record.stopped_because,
            history=record.history,
            history_name=history_name,
        )


@dataclass(kw_only=True, eq=False)
class FieldReport:
    """Results of one field.

    Parameters
    ----------
    name
        Name of the field; any text.
    image
        (Y, X) or (Y, X, 3), uint8 or float in 0..1, such as `preview` returns.
    labels
        (Y, X) label map, 0 = background.
    markers
        (N, 2) points y, x in px.
    nuclei
        (Y, X) preview of the nuclear channel, blended over the image.
    foreground
        (Y, X) bool.
    truth
        (Y, X) label map drawn by hand.
    cue_quality
        Quality of markers and foreground.
    scores
        Scores of `labels` against `truth`.
    baselines
        Name of the method -> its scores, of the same run.
    measurements
        Rows of `measure_cells`; measured from `labels` by default.
    true_measurements
        The same of `truth`.
    pixel_size
        (y, x) in um, for the scale bar and areas in um2.
    seconds
        Time this field took.
    warnings
        Sentences for the user.
    n_cells
        Number of cells; counted in `labels` by default.
    agreement
        How well cells and nuclei fit.
    look_distance
        How far the field looks from those that the model was learned from; above 1 it looks unlike them.
    rounds_agree
        Mean IoU of the cells of the last two rounds of self-training in this field, 0..1, if the model learned from it.
    role
        Of a part of a training set: "learned from" or "held out".
    full_shape
        (Y, X) of the image, where the layers are a reduced picture of it; pixel size and measurements are the image's.

    Raises
    ------
    WrongShape
        When the arrays of the field do not share one (Y, X).
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[Any]
    markers: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 2)))
    nuclei: NDArray[Any] | None = None
    foreground: NDArray[Any] | None = None
    truth: NDArray[Any] | None = None
    cue_quality: CueQuality | None = None
    scores: Scores | None = None
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    measurements: Sequence[Row] | None = None
    true_measurements: Sequence[Row] | None = None
    pixel_size: tuple[float, float] | None = None
    seconds: float | None = None
    warnings: Sequence[str] = ()
    n_cells: int = -1
    agreement: NucleiAgreement | None = None
    look_distance: float | None = None
    rounds_agree: float | None = None
    role: str = ""
    full_shape: tuple[int, int] | None = None
    condensed: bool = False

    def __post_init__(self) -> None:
        """Check that everything lies on one pixel grid, and count the cells."""
        shape = self.labels.shape
        layers = {"image": self.image.shape[:2], "labels": shape}
        for name in ("nuclei", "foreground", "truth"):
            layer = getattr(self, name)
            if layer is not None:
                layers[name] = layer.shape
        if len(shape) != 2 or len(set(layers.values())) != 1:
            raise WrongShape(f"Field {self.name!r} needs layers of one (Y, X) shape, and has {layers}.")
        self.markers = np.asarray(self.markers, dtype=float).reshape(-1, 2)
        if self.n_cells < 0:
            self.n_cells = int(np.count_nonzero(np.unique(self.labels)))

    @property
    def reduced(self) -> float:
        """Px of the image per px of the layers."""
        return 1.0 if self.full_shape is None else max(self.full_shape) / max(self.labels.shape)

    @property
    def confidence(self) -> dict[int, float]:
        """Number of a cell -> its confidence, 0..1, of those cells whose measurements have one."""
        rows = self.measurements or ()
        known = [(row["label"], row["confidence"]) for row in rows if row.get("confidence") is not None]
        return {int(label or 0): float(confidence or 0) for label, confidence in known}

    def condense(self) -> "FieldReport":
        """Return this field with the numbers and small pictures that a thumbnail needs, a few hundred kB at most."""
        rows = self.measurements
        if rows is None:
            rows = measure_cells(self.labels, pixel_size=self.pixel_size)
        step = max(1, -(-max(self.labels.shape) // THUMBNAIL_SIDE))
        return replace(
            self,
            image=self.image[::step, ::step].copy(),
            labels=self.labels[::step, ::step].copy(),
            markers=np.zeros((0, 2)),
            nuclei=None,
            foreground=None,
            truth=None,
            measurements=_kept(rows),
            true_measurements=None if self.truth is None else _kept(measure_cells(self.truth)),
            condensed=True,
        )


def _kept(rows: Sequence[Row]) -> list[Row]:
    return [{key: row[key] for key in _KEPT_MEASUREMENTS if key in row} for row in rows]


@dataclass(kw_only=True)
class Report:
    """One run: its settings, its results, and how they were made.

    Parameters
    ----------
    title, command
        Headline, and the command line as typed.
    settings, versions
        Nested plain data (strings, numbers, lists, dicts), shown as given.
    seeds
        Every seed used.
    started
        Time the run began, ISO 8601.
    seconds
        Wall time of the run.
    warnings
        Sentences for the user, shown on top.
    fields
        In the order shown; `add` keeps the memory small when there are many.
    training
        One curve per training run.
    notes
        Sentences shown at the end.
    headline
        More tiles on top: value, name, note (may be empty).
    findings
        Sentences that say what was found, shown before all results.
    drawings
        Figures that are files already, shown before the tables.
    tables
        Tables of results, shown before all other pictures.
    comparisons
        Fields with pictures side by side, e.g. of a predicted stain; `add` keeps their memory small too.
    """

    title: str
    command: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seeds: Sequence[int] = ()
    started: str = ""
    seconds: float | None = None
    warnings: list[str] = field(default_factory=list)
    fields: list[FieldReport] = field(default_factory=list)
    training: list[TrainingCurve] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    headline: list[tuple[str, str, str]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    tables: list[NumberTable] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)

    def add(self, shown: FieldReport | Comparison) -> None:
        """Append a field or a comparison; from the thirteenth on it is condensed, mostly to its numbers."""
        if isinstance(shown, Comparison):
            self.comparisons.append(shown if len(self.comparisons) < FULL_FIELDS else shown.condense())
        else:
            self.fields.append(shown if len(self.fields) < FULL_FIELDS else shown.condense())
