"""Which fields of a task are scored, and which are outlined."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frugalseg.errors import InputError
from frugalseg.studies.design.study_design import Budget, Task
from frugalseg.studies.plan.study_data import StudyData


@dataclass(frozen=True)
class Fold:
    """Fields that are scored, and those that may be learned from; `path` is its part of the names of runs."""

    name: str
    path: str
    test: tuple[str, ...]
    rest: tuple[str, ...]


def find_folds(name: str, task: Task, data: StudyData, truth: str) -> tuple[Fold, ...]:
    """Return the folds of a task: for each, its test fields, and all others.

    Parameters
    ----------
    name
        Of the task, for messages.
    truth
        Channel that a test field must have.

    Raises
    ------
    InputError
        A test field is not there or has no truth.
    """
    can_test = [field for field in data.names if data.has(field, truth)]
    if not can_test:
        raise InputError(f"task '{name}': no field has channel {truth!r}; name the channel of the truth")
    tests: list[tuple[str, ...]]
    if task.test == "leave-one-out":
        tests = [(field,) for field in can_test]
    else:
        several = [one for one in task.test if not isinstance(one, str)]
        tests = several or [tuple(one for one in task.test if isinstance(one, str))]
    unknown = [one for test in tests for one in test if one not in can_test]
    if unknown:
        missing = unknown[0] not in data.names
        raise InputError(
            f"task '{name}': there is no field {unknown[0]!r} in `data`, or `where` leaves it out; fields that can be tested are "
            f"{', '.join(can_test)}"
            if missing
            else f"task '{name}': test field {unknown[0]!r} has no channel {truth!r}; fields that can be tested are "
            f"{', '.join(can_test)}"
        )
    named = ["+".join(test) if len("+".join(test)) <= 40 else f"fold {i + 1}" for i, test in enumerate(tests)]
    paths = distinct_paths(named)
    return tuple(
        Fold(fold, paths[fold], test, tuple(one for one in data.names if one not in test))
        for fold, test in zip(named, tests, strict=True)
    )


def path_part(text: str) -> str:
    """Return a text as part of a path: all but ASCII letters, digits, ``_``, ``.`` and ``+`` becomes ``_``.

    >>> path_part("1 crop")
    '1_crop'
    """
    return re.sub(r"[^A-Za-z0-9_.+]", "_", text)


def distinct_paths(texts: Sequence[str]) -> dict[str, str]:
    """Return a part of a path for each text, another one for each.

    Where several texts would have the same part, the plainest keeps it, and the others end in a checksum; so a study that is
    resumed finds its runs under the names that they had.

    >>> distinct_paths(["dish-1", "dish 1", "b"])
    {'dish-1': 'dish_1_1d04a5', 'dish 1': 'dish_1', 'b': 'b'}
    """
    groups: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        groups.setdefault(path_part(text), []).append(text)
    found: dict[str, str] = {}
    for part, group in groups.items():
        plainest = (
            part if part in group else next((one for one in group if one.replace(" ", "_") == part), None)
        )
        for text in group:
            kept = text == plainest or len(group) == 1
            found[text] = part if kept else f"{part}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    return {text: found[text] for text in texts}


def choose_outlined(labelled: Sequence[str], budget: Budget, seed: int) -> tuple[str, ...]:
    """Return the fields that are outlined: another order for each seed, and a larger budget contains a smaller one.

    More crops than fields are drawn from the same fields in turn.

    Examples
    --------
    >>> two, three = (choose_outlined(["a", "b", "c"], Budget(fields=n), 1) for n in (2, 3))
    >>> three[:2] == two
    True
    """
    order = np.random.default_rng([seed, 11]).permutation(len(labelled))
    return tuple(labelled[order[i % len(labelled)]] for i in range(budget.crops or budget.fields))
