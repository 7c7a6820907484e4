"""What a training run leaves behind, and what it reports while it runs; both without torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True)
class TrainingProgress:
    """State of a training run after one step.

    Attributes
    ----------
    step
        Steps taken so far, those of an earlier, interrupted run included.
    max_steps
        Upper bound of steps.
    loss
        Mean loss of the last 50 steps.
    """

    step: int
    max_steps: int
    loss: float


#: Is called after every training step.
OnProgress = Callable[[TrainingProgress], None]


@dataclass
class TrainingRecord:
    """Course of one training run; saved as JSON beside the model.

    Attributes
    ----------
    losses
        Loss of every step.
    terms
        Name of a term of the loss -> its value at every step.
    seconds
        Time spent training, interrupted runs included.
    stopped_because
        "the loss was stable", "the loss was low enough", "the upper bound of steps was reached" or "the validation score no
        longer rose".
    device
        Device of the computation, such as "cpu".
    decay_from
        Step at which the learning rate began to fall; None where it did not.
    history
        (step, score) of every validation step; step 0 is before training. Empty without a validation set.
    best_step
        Step whose weights were kept; None without a validation set, where the last weights are kept.
    alpha
        Weight of the mask in eq. 2 of paper A, as it was used; None where the loss has no such weight.
    snapshots
        (step, values) of every snapshot, see `frugalseg.learning.snapshots`.
    rounds_agree
        Name of an image that a student learned from -> mean IoU, 0..1, of its cells of the last round with those of the round
        before; empty where there was one round, or the cells of the teacher are kept.
    cells_agree
        Name of such an image -> number of a cell with a nucleus -> IoU with its best cell of the round before.
    rounds_differ
        Checksum of such an image's grey values, whatever its name -> (y, x, share) of each cell of either round: its middle,
        px, and half of 1 - IoU with its best partner in the other round, where that is not 0. The shares of two rounds of n
        cells that have none in common add up to n.

    Examples
    --------
    >>> record = TrainingRecord(losses=[0.5, 0.25], history=[(0, 0.1), (2, 0.7)], best_step=2)
    >>> record.steps, TrainingRecord.from_dict(record.to_dict()) == record
    (2, True)
    """

    losses: list[float] = field(default_factory=list)
    terms: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    stopped_because: str = ""
    device: str = "cpu"
    decay_from: int | None = None
    history: list[tuple[int, float]] = field(default_factory=list)
    best_step: int | None = None
    alpha: float | None = None
    snapshots: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    rounds_agree: dict[str, float] = field(default_factory=dict)
    cells_agree: dict[str, dict[int, float]] = field(default_factory=dict)
    rounds_differ: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return len(self.losses)

    @classmethod
    def joined(cls, records: Sequence["TrainingRecord"]) -> "TrainingRecord":
        """Return one record of several runs that continued each other.

        Examples
        --------
        >>> both = TrainingRecord.joined([TrainingRecord(losses=[0.5], seconds=2.0), TrainingRecord(losses=[0.4], seconds=1.0)])
        >>> both.losses, both.seconds
        ([0.5, 0.4], 3.0)
        """
        last = records[-1]
        names = dict.fromkeys(name for record in records for name in record.terms)
        return cls(
            losses=[loss for record in records for loss in record.losses],
            terms={
                name: [value for record in records for value in record.terms.get(name, [0.0] * record.steps)]
                for name in names
            },
            seconds=sum(record.seconds for record in records),
            stopped_because=last.stopped_because,
            device=last.device,
            alpha=last.alpha,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values for JSON."""
        return {"steps": self.steps, **asdict(self), "history": [list(one) for one in self.history]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainingRecord":
        """Read a record back, also one written by an older version (`looks` in place of `history`).

        Raises
        ------
        ValueError
            If a key is unknown, or a value of the wrong type.

        Examples
        --------
        >>> TrainingRecord.from_dict({"steps": 1, "losses": [0.5], "looks": [[0, 0.1]]}).history
        [(0, 0.1)]
        """
        known = {"history" if key == "looks" else key: value for key, value in values.items()}
        known.pop("steps", None)
        unknown = sorted(known.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise ValueError(f"a training record has no {unknown[0]!r}")
        try:
            return TypeAdapter(cls).validate_python(known)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
