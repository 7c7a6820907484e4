"""What is held out is never learned from: shapes of the samples, and losses that do not change with its pixels."""

from typing import Any, Literal

import numpy as np
import pytest
import torch

from frugalseg.images.resize import scaled_shape
from frugalseg.learning.crops import CropSampler
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_labels.label_training import learn_from_labels
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.learning.from_stains.stain_training import learn_from_stains
from frugalseg.learning.splits import Part
from frugalseg.models.model_settings import ObjectModelSettings
from frugalseg.models.object_dataset import ObjectDataset, build_object_dataset, read_labelled_images
from frugalseg.models.stain_dataset import VALIDATION_PARTS, StainDataset, StainPairs, read_stain_dataset
from frugalseg.networks.object_net import object_network
from frugalseg.synthetic.cells import make_cells

Kind = Literal["stain", "nuclei", "cells"]
Arrays = list[np.ndarray]
SCALE = 0.75
KINDS: tuple[Kind, ...] = ("stain", "nuclei", "cells")


def arrays(kind: Kind, count: int) -> tuple[Arrays, Arrays]:
    """Images (108, 128), and what is to be learned from each."""
    fields = [make_cells((108, 128), n_cells=12, dim_nuclei=0.0, seed=4 + index) for index in range(count)]
    targets = {"stain": "nuclear", "nuclei": "nuclei", "cells": "cells"}
    return [one.phase for one in fields], [getattr(one, targets[kind]).copy() for one in fields]


def dataset_of(kind: Kind, images: Arrays, targets: Arrays) -> StainDataset | ObjectDataset:
    if kind == "stain":
        return read_stain_dataset(
            StainPairs(images, targets), "dapi", StainSettings(), SCALE, 1, hold_out=True
        )
    settings = ObjectModelSettings(scale=SCALE, seed=1)
    return build_object_dataset(read_labelled_images(images, targets, kind), kind, settings, None)


def losses_of(dataset: StainDataset | ObjectDataset) -> list[float]:
    """Losses of a few steps of training; nothing is left out for its lack of signal."""
    train, _ = dataset.samples()
    if isinstance(dataset, StainDataset):
        draw = CropSampler((one.targets[0] for one in train), 32, 0, share=0)
        return learn_from_stains(train, [], draw, StainSettings(crop=32, batch=4, max_steps=6), device="cpu")[
            1
        ].losses
    draw = CropSampler((one.targets[-1] for one in train), 32, 0, share=0)
    torch.manual_seed(0)
    network = object_network(dataset.target, "small", 1)
    settings = LabelSettings(target=dataset.target, crop=32, batch=4, max_steps=6)
    return learn_from_labels(network, train, [], draw, settings, device="cpu").losses


def change(targets: Arrays, part: Part) -> None:
    """Put other pixels into a part, a few px away from what is not in the part."""
    plane = targets[part.field]
    area = list(part.area(plane.shape))
    begin, end = area[part.axis].start, area[part.axis].stop
    area[part.axis] = slice(begin + 4 * (begin > 0), end - 4 * (end < plane.shape[part.axis]))
    # A mirror image along the cut keeps how much there is at each distance from it, by which the cut is chosen.
    plane[*area] = np.flip(plane[*area], axis=1 - part.axis).copy()


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_of_the_size_of_their_parts(count: int, kind: Kind) -> None:
    dataset = dataset_of(kind, *arrays(kind, count))
    train, validation = dataset.samples()
    held_out: list[Any] = [one[0] if isinstance(one, tuple) else one for one in validation]
    assert (len(train), len(held_out)) == (count, 1)
    shape = scaled_shape((108, 128), SCALE)
    split = dataset.split
    for part, one in zip((*split.train, *split.held_out), (*train, *held_out), strict=True):
        expected = np.empty(shape)[part.area(shape)].shape
        assert one.planes.shape == (1, *expected)
        assert one.targets.shape == (2 if kind == "cells" else 1, *expected)
        assert one.valid is None or one.valid.shape == expected
    (strip,), pixels = split.held_out, np.zeros(shape, int)
    for part in (strip, *(part for part in split.train if part.field == strip.field)):
        pixels[part.area(shape)] += 1
    assert pixels.max() == 1  # no pixel is on both sides
    assert 0.05 < held_out[0].planes.size / pixels.size < 0.5


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_held_out_does_not_change_the_training(count: int, kind: Kind) -> None:
    """Nor do cells that reach into it: their distance is that to what can be seen."""
    images, targets = arrays(kind, count)
    dataset = dataset_of(kind, images, targets)
    before = losses_of(dataset)
    (strip,) = dataset.split.held_out
    original = [one.copy() for one in targets]
    change(targets, strip)
    assert not np.array_equal(original[strip.field], targets[strip.field])
    again = dataset_of(kind, images, targets)
    assert again.split == dataset.split
    assert losses_of(again) == before
    (rest,) = (part for part in dataset.split.train if part.field == strip.field)
    change(targets, rest)
    assert losses_of(dataset_of(kind, images, targets)) != before


def test_of_many_held_out_images_a_few_choose_the_weights_and_none_is_learned_from() -> None:
    image = np.arange(64, dtype=np.float32).reshape(8, 8)

    def read(count: int, seed: int, hold_out: bool = True) -> StainDataset:
        pairs = StainPairs([image] * count, [image] * count)
        return read_stain_dataset(pairs, "dapi", StainSettings(), 1.0, seed, hold_out)

    chosen = []
    for seed in (0, 0, 1):
        dataset = read(100, seed)
        train, validation = dataset.samples()
        assert (len(train), len(validation), len(dataset.split.held_out)) == (80, VALIDATION_PARTS, 20)
        assert set(dataset.validation) <= set(dataset.split.held_out)
        assert not {part.field for part in dataset.split.train} & {p.field for p in dataset.split.held_out}
        chosen.append(dataset.validation)
    assert chosen[0] == chosen[1] != chosen[2]
    few = read(40, 0)
    assert few.validation == few.split.held_out
    assert read(40, 0, hold_out=False).validation == ()
