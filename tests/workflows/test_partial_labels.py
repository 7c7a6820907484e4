"""Labels of a part of a field, and what the table of start against tuned says."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.errors import BadPixels
from frugalseg.images.channels import parse_channels
from frugalseg.images.fields import open_fields
from frugalseg.workflows.label_lesson import LabelLesson, read_label_lesson, start_and_tuned


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


def test_what_is_no_label_map_is_refused_before_anything_is_learned(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    mask = np.zeros((64, 64), np.uint16)
    mask[4:20, 4:20] = mask[30:50, 30:50] = 255
    grey = random.integers(1, 4000, mask.shape).astype(np.uint16)
    for name, pixels in (("phase", grey), ("mask", mask), ("grey", grey)):
        tifffile.imwrite(tmp_path / f"a_{name}.tif", pixels)
    table, inputs = open_fields([tmp_path], pattern="{field}_{channel}.tif"), parse_channels("phase")
    with pytest.raises(BadPixels, match="one label in 2 separate pieces, so it is a mask"):
        read_label_lesson(table, inputs, "mask", "cells")
    with pytest.raises(BadPixels, match="'grey' looks like a grey image"):
        read_label_lesson(table, inputs, "grey", "nuclei")
    mask[30:50, 30:50] = 7
    tifffile.imwrite(tmp_path / "a_mask.tif", mask)
    assert len(read_label_lesson(table, inputs, "mask", "cells").fields) == 1
