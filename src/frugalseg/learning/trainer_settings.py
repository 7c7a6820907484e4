"""Settings of a training run: number of steps, learning rate, and when a loss counts as stable. Without torch."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

#: The loss is stable when its mean over this share of the steps ...
WINDOW = 0.1
#: ... improved by less than this share of its range so far.
IMPROVEMENT = 0.002
#: Share of `max_steps` in which the schedules "decay" and "budget" take the learning rate down to 0.
DECAY = 0.4
#: Steps in which the schedules "decay" and "budget" raise the learning rate: Adam's first estimates are poor.
WARM_UP = 20
#: Validation steps in a run of `max_steps`.
VALIDATIONS = 20
#: Steps whose mean loss is reported while training goes on, and compared with `enough`.
RECENT = 50
#: Fewest training steps between two validation steps.
MIN_INTERVAL = 10


class TrainerSettings(BaseModel):
    """Settings of the training loop.

    Attributes
    ----------
    max_steps
        Upper bound of training steps.
    learning_rate
        Adam's.
    schedule
        "constant": constant until the loss is stable, which ends training. "decay": a warm-up, constant until the loss is
        stable, then linearly down to 0. "budget": a warm-up, constant, then down to 0 over the last 40 % of `max_steps`;
        for losses that are too noisy to become stable.
    validate_every
        Steps between two validation steps; None: 20 validation steps in `max_steps`, at least 10 steps apart.
    patience
        Training ends when so many validation steps in a row brought no better score.
    checkpoint_every
        Steps between two checkpoints.
    enough
        Training ends when the mean loss of the last `RECENT` steps is not above this; None: it goes on.

    Examples
    --------
    >>> TrainerSettings(max_steps=600).validation_interval
    30
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_steps: int = Field(default=1000, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "decay", "budget"] = "constant"
    validate_every: int | None = Field(default=None, ge=1)
    patience: int = Field(default=8, ge=1)
    checkpoint_every: int = Field(default=200, ge=1)
    enough: float | None = Field(default=None, gt=0)

    @property
    def validation_interval(self) -> int:
        """Steps between two validation steps."""
        return self.validate_every or max(MIN_INTERVAL, self.max_steps // VALIDATIONS)

    @property
    def decay_steps(self) -> int:
        """Number of steps in which the learning rate falls to 0."""
        return max(1, int(DECAY * self.max_steps))

    def rate(self, step: int, decay_from: int | None) -> float:
        """Return the learning rate of a step: warm-up, constant, then linearly down; or constant.

        Parameters
        ----------
        step
            Steps taken before.
        decay_from
            Step at which the decay began; None before.

        Examples
        --------
        >>> settings = TrainerSettings(max_steps=100, learning_rate=1.0, schedule="decay")
        >>> [settings.rate(step, None) for step in (0, 9, 19, 50)]
        [0.05, 0.5, 1.0, 1.0]
        >>> [settings.rate(step, 60) for step in (60, 80)]
        [1.0, 0.5]
        """
        if self.schedule == "constant":
            return self.learning_rate
        factor = min(1.0, (step + 1) / WARM_UP)
        if decay_from is not None:
            factor *= max(0.0, 1.0 - (step - decay_from) / self.decay_steps)
        return self.learning_rate * factor


def is_stable(losses: Sequence[float], max_steps: int) -> bool:
    """Return whether the loss improved by less than `IMPROVEMENT` of its range over the last two windows.

    Examples
    --------
    >>> falling = [1.0 - 0.01 * step for step in range(100)]
    >>> is_stable(falling, 100), is_stable(falling + [0.0] * 40, 100)
    (False, True)
    """
    window = max(10, int(WINDOW * max_steps))
    if len(losses) < 4 * window:
        return False
    means = np.array([np.mean(losses[i : i + window]) for i in range(0, len(losses) - window + 1, window)])
    before, now = np.mean(losses[-2 * window : -window]), np.mean(losses[-window:])
    return bool(before - now < IMPROVEMENT * max(float(means.max() - means.min()), 1e-12))
