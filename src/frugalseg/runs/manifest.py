"""What is known about a run: the records ``run.json`` and ``record.json``, and the result of a command."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from frugalseg.evaluation.intervals import Interval
from frugalseg.images.normalize import IntensityScale
from frugalseg.runs.records import FieldRecord, Record, TrainingSummary


class Mean(Record):
    """Mean of a score over fields, and its 95 % interval (None for a single field)."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @classmethod
    def of(cls, interval: Interval) -> Self:
        """Take the numbers of an interval."""
        return cls(mean=interval.mean, low=interval.low, high=interval.high, n=interval.n)


class RunSummary(Record):
    """Summary of all fields of a run: means over fields, and every warning."""

    warnings: tuple[str, ...] = ()
    scores: dict[str, Mean] | None = None
    baselines: dict[str, dict[str, Mean]] | None = None
    pcc: Mean | dict[str, Mean] | None = None

    def with_warnings(self, first: Sequence[str]) -> Self:
        """Return a copy with more warnings before the others."""
        return self.model_copy(update={"warnings": (*first, *self.warnings)})


class RunRecord(RunSummary):
    """The file ``run.json``: settings, versions, times and results of a run over many fields.

    Attributes
    ----------
    command
        Such as "segment".
    state
        "running", "interrupted" or "done".
    settings
        As requested, plain values.
    resolved
        What the settings come to in this version of frugalseg.
    seconds, stages
        Time of the run, and of its stages by name: cues and learning (only `segment`, when it learns for all fields), all fields
        from images to results, report.
    """

    command: str
    state: str
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    resolved: dict[str, JsonValue] = Field(default_factory=dict)
    seed: int | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0
    stages: dict[str, float] = Field(default_factory=dict)
    fields: dict[str, FieldRecord] = Field(default_factory=dict)
    failed: dict[str, str] = Field(default_factory=dict)

    def to_dict(self, *left_out: str) -> dict[str, JsonValue]:
        """Return plain values; cells stand in ``measurements.csv``, and what only `resume` needs in the fields' records."""
        content = super().to_dict("fields", *left_out)
        content["fields"] = {
            name: one.to_dict("measurements", "run", "result", "result_checksum", "other_results")
            for name, one in self.fields.items()
        }
        return content


class ModelRecord(RunRecord):
    """The file ``record.json`` of a model folder: how the model was learned, and from what.

    Attributes
    ----------
    provenance
        Files of the fields, and what a preset comes to: what else than settings decides the model.
    training
        Of the network.
    scale, inputs, diameter, target_scale
        Network px per image px, names of the network's inputs, of a typical object (px), and of the stain's grey values.
    started_from
        What the weights were before.
    crops_skipped
        Share of the random crops that show no signal.
    pcc_learned
        Mean by role, on the scale on which the stain was learned.
    start
        Scores of the start, before training.
    unlabelled
        Fields without labels, but for those that could not be read.
    """

    provenance: dict[str, JsonValue] = Field(default_factory=dict)
    training: TrainingSummary | None = None
    scale: float | None = None
    inputs: tuple[str, ...] = ()
    diameter: float | None = None
    target_scale: IntensityScale | None = None
    started_from: str | None = None
    crops_skipped: float | None = None
    pcc_learned: dict[str, Mean] | None = None
    start: dict[str, FieldRecord] | None = None
    unlabelled: tuple[str, ...] = ()


class RunResult(BaseModel):
    """Result of a command.

    Attributes
    ----------
    folder
        OUT, or the model's folder.
    record
        As written into it.
    """

    model_config = ConfigDict(frozen=True)

    folder: Path
    record: RunRecord

    @property
    def fields(self) -> dict[str, FieldRecord]:
        """Field name -> its record, in order."""
        return self.record.fields

    @property
    def n_done(self) -> int:
        """How many fields are done; one that was learned from in parts counts once."""
        names = self.record.settings.get("fields")
        if not isinstance(names, list) or all(one.role is None for one in self.fields.values()):
            return len(self.fields)
        return sum(
            any(part == name or part.startswith(f"{name} (") for part in self.fields) for name in names
        )

    @property
    def failed(self) -> dict[str, str]:
        """Field name -> one line that says why it failed."""
        return self.record.failed

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain values for JSON; measurements stay in their table."""
        return {"folder": str(self.folder), **self.record.to_dict()}
