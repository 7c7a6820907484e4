"""Snapshots: what a network in training is worth after some of its steps, within one training run."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from frugalseg.errors import SettingsError

SeenT = TypeVar("SeenT")


@dataclass(frozen=True)
class Snapshots(Generic[SeenT]):
    """Steps at which a training run calls a function with what it has learned so far.

    Each step counts once in the training record, also where the run was interrupted and resumed. After a snapshot a
    checkpoint is written at once; only a run that is killed between the two calls the function again, with the same weights.

    Attributes
    ----------
    steps
        Steps taken before the snapshot; 0 is the start. Those behind the end of training are never reached: training ends
        early when the validation score no longer rises.
    take
        Is called with the step and what was learned so far: by `frugalseg.StainModel.fit`, `frugalseg.ObjectModel.fit` and
        `frugalseg.MarkerModel.fit` a model that can be used, evaluated and saved. Numbers that it returns by name are kept in ``training.snapshots``.

    Raises
    ------
    SettingsError
        A step is below 0.

    Notes
    -----
    By default the learning rate falls over the last 40 % of `max_steps`. A snapshot before that is what a longer training
    passes through, and not what as few steps alone would give, with a rate that falls to 0. Its weights are the last ones,
    and not the best so far on the validation set, which the trained model has.

    Examples
    --------
    >>> Snapshots((100, 1000), lambda step, model: {"steps": float(step)}).steps
    (100, 1000)
    """

    steps: Collection[int]
    take: Callable[[int, SeenT], Mapping[str, float] | None]

    def __post_init__(self) -> None:
        """Check the steps, and keep them where they come from something that can be walked through only once."""
        given: Any = self.steps
        steps = list(given) if isinstance(given, Iterable) else given
        if not isinstance(steps, list) or not all(
            isinstance(one, int | np.integer) and one >= 0 for one in steps
        ):
            raise SettingsError(f"`steps` of snapshots are {steps!r}; give whole numbers of 0 or more")
        object.__setattr__(self, "steps", tuple(map(int, steps)))


def as_numbers(values: object) -> dict[str, float]:
    """Return what the function of snapshots gave back as numbers by name; `SettingsError` where it is nothing of the kind."""
    if values is None:
        return {}
    try:
        return {str(name): float(value) for name, value in dict(values).items()}  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"`take` of snapshots returned {type(values).__name__}; it returns numbers by name, such as {{'mAP': 0.5}}, or None"
        ) from error


def powers_of_two(most: int) -> tuple[int, ...]:
    """Return 1, 2, 4, ... up to a number of steps.

    >>> powers_of_two(100)
    (1, 2, 4, 8, 16, 32, 64)
    """
    return tuple(2**power for power in range(most.bit_length()))
