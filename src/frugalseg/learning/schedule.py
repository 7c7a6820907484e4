"""When a loss is stable, and how the learning rate follows."""

import numpy as np

#: The loss is stable when its mean over this share of the steps ...
WINDOW = 0.1
#: ... improved by less than this share of its range so far.
IMPROVEMENT = 0.002
#: Share of `max_steps` in which the schedule "decay" takes the learning rate down to 0.
DECAY = 0.4
#: In so many steps the schedules "decay" and "budget" take the learning rate up; Adam knows little in its first steps.
WARM_UP = 20


def is_stable(losses: list[float], max_steps: int) -> bool:
    """Whether the loss improved by less than `IMPROVEMENT` of its range over the last two windows.

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
