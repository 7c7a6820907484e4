"""What is held out is never learned from: shapes of the samples, and losses that do not change with its pixels."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from frugalseg.workflows.label_lesson import LabelLesson, read_label_lesson
from frugalseg.workflows.stain_lesson import DECIDING, StainLesson, read_stain_lesson

from frugalseg.images.channels import parse_channels
from frugalseg.images.fields import FieldTable, open_fields
from frugalseg.images.resize import scaled_shape
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_labels.label_training import learn_from_labels
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.from_stains.stain_training import learn_from_stains
from frugalseg.learning.splits import Part
from frugalseg.networks.object_net import Target, object_network
from frugalseg.runs.synthetic_set import write_synthetic_set

CHANNELS = parse_channels("phase")
SCALE = 0.75


def fields(folder: Path, count: int) -> FieldTable:
    """Fields (108, 128), in a folder of their own."""
    write_synthetic_set(folder, count, shape=(108, 128), n_cells=12, dim_nuclei=0.0, seed=4)
    return open_fields([folder])


def stain_lesson(table: FieldTable) -> StainLesson:
    lesson = read_stain_lesson(table, CHANNELS, "nuclear", "max", SCALE, (1.0, 99.8))
    lesson.split(1, hold_out=True)
    return lesson


def label_lesson(table: FieldTable, target: Target = "nuclei") -> LabelLesson:
    lesson = read_label_lesson(table, CHANNELS, target, target)
    lesson.scale = SCALE
    lesson.split(1, hold_out=True)
    return lesson


def losses_of_stain(lesson: StainLesson) -> list[float]:
    samples, _ = lesson.samples()
    draw = CropSampler((one.targets[0] for one in samples), 32, 0, share=0)
    teaching = StainSettings(crop=32, batch=4, max_steps=6)
    return learn_from_stains(samples, [], draw, teaching, device="cpu")[1].losses


def losses_of_labels(lesson: LabelLesson) -> list[float]:
    samples, _ = lesson.samples()
    draw = CropSampler((one.targets[-1] for one in samples), 32, 0, share=0)
    torch.manual_seed(0)
    network, teaching = (
        object_network(lesson.target, "small", 1),
        LabelSettings(target=lesson.target, crop=32, batch=4, max_steps=6),
    )
    return learn_from_labels(network, samples, [], draw, teaching, device="cpu").losses


def path_of(table: FieldTable, part: Part, channel: str) -> Path:
    return table[part.field].reference(channel).path


def change(table: FieldTable, part: Part, channel: str) -> None:
    """Other pixels in a part of the field's file, a few px away from what is not in the part."""
    path = path_of(table, part, channel)
    plane = tifffile.imread(path)
    area = list(part.area(plane.shape))
    begin, end = area[part.axis].start, area[part.axis].stop
    area[part.axis] = slice(begin + 4 * (begin > 0), end - 4 * (end < plane.shape[part.axis]))
    # A mirror image along the cut keeps how much there is at each distance from it, by which the cut is chosen.
    plane[*area] = np.flip(plane[*area], axis=1 - part.axis)
    tifffile.imwrite(path, plane)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", ["stain", "labels"])
def test_samples_are_of_the_size_of_their_parts(tmp_path: Path, count: int, kind: str) -> None:
    lesson: Any = (stain_lesson if kind == "stain" else label_lesson)(fields(tmp_path, count))
    train, held_out = lesson.samples()
    held_out = held_out if kind == "stain" else [sample for sample, _ in held_out]
    assert (len(train), len(held_out)) == (count, 1)
    shape = scaled_shape((108, 128), SCALE)
    for part, one in zip((*lesson.parts.train, *lesson.parts.held_out), (*train, *held_out), strict=True):
        wanted = np.empty(shape)[part.area(shape)].shape
        assert one.planes.shape == (1, *wanted)
        assert one.targets.shape[1:] == wanted
        assert one.valid is None or one.valid.shape == wanted
    (strip,), pixels = lesson.parts.held_out, np.zeros(shape, int)
    for part in (strip, *(part for part in lesson.parts.train if part.field == strip.field)):
        pixels[part.area(shape)] += 1
    assert pixels.max() == 1  # no pixel is on both sides
    assert 0.05 < held_out[0].planes.size / pixels.size < 0.5


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", ["stain", "nuclei", "cells"])
def test_what_is_held_out_does_not_change_the_training(tmp_path: Path, count: int, kind: str) -> None:
    """Nor do cells that reach into it: their distance is that to what can be seen."""
    table = fields(tmp_path, count)
    lesson_of: Any = stain_lesson if kind == "stain" else partial(label_lesson, target=kind)
    losses_of: Any = losses_of_stain if kind == "stain" else losses_of_labels
    channel = "nuclear" if kind == "stain" else kind
    lesson: Any = lesson_of(table)
    before = losses_of(lesson)
    (strip,) = lesson.parts.held_out
    change(table, strip, channel)
    again: Any = lesson_of(table)
    assert again.parts == lesson.parts
    assert losses_of(again) == before
    (rest,) = (part for part in lesson.parts.train if part.field == strip.field)
    change(table, rest, channel)
    assert losses_of(lesson_of(table)) != before


def test_of_many_held_out_fields_a_few_decide_and_none_is_learned_from() -> None:
    lesson = StainLesson(CHANNELS, "nuclear", "max", (1.0, 99.8))
    lesson.shapes = [(8, 8)] * 100
    lesson.greys = [np.arange(64, dtype=np.float32).reshape(8, 8)] * 100
    chosen = []
    for seed in (0, 0, 1):
        lesson.split(seed, hold_out=True)
        train, validating = lesson.samples()
        assert (len(train), len(validating), len(lesson.parts.held_out)) == (80, DECIDING, 20)
        assert set(lesson.validating) <= set(lesson.parts.held_out)
        chosen.append(lesson.validating)
    assert chosen[0] == chosen[1] != chosen[2]
    lesson.shapes, lesson.greys = lesson.shapes[:40], lesson.greys[:40]
    lesson.split(0, hold_out=True)
    assert lesson.validating == lesson.parts.held_out
    lesson.split(0, hold_out=False)
    assert lesson.validating == ()
