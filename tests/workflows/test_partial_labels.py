"""Labels of a part of a field, and what the table of start against tuned says."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from frugalseg.workflows.label_lesson import LabelLesson, start_and_tuned


def test_objects_that_the_annotation_cuts_do_not_count_for_the_diameter() -> None:
    labels = np.zeros((60, 90), np.int32)
    labels[10:30, 10:30] = 1  # whole, 20 x 20 px
    labels[40:50, 0:60], labels[:, 60:] = 2, -1  # cut at x = 60
    labels[2:4, 58:60] = 3  # cut, too
    lesson = LabelLesson("cells", labels=[labels])
    assert lesson.diameter == pytest.approx(math.sqrt(4 * 400 / math.pi))
    lesson.labels = [np.where(labels == 1, 0, labels)]  # only cut ones: better than nothing
    assert lesson.diameter == pytest.approx(math.sqrt(4 * (600 + 4) / 2 / math.pi))


def judged(role: str, score: float) -> Any:
    return SimpleNamespace(record={"role": role, "mAP": score})


@pytest.mark.parametrize(("tuned", "said"), [(0.3, "helped"), (0.1, "did not help")])
def test_the_verdict_is_that_of_what_was_held_out(tuned: float, said: str) -> None:
    before = {"a": judged("held out", 0.2), "b": judged("learned from", 0.5)}
    after = {"a": judged("held out", tuned), "b": judged("learned from", 0.9)}
    table = start_and_tuned(before, after, "mAP")
    assert f"Tuning {said}: mAP of what was held out changed by {tuned - 0.2:+.3f} on average." in table.note
    assert "chosen by what was held out" in table.note
    assert [row[-1] for row in table.rows] == pytest.approx([tuned - 0.2, 0.4])
