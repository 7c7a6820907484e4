"""The fields of `learn stains`: what can be learned from them, and how well it was learned."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError
from frugalseg.evaluation.pixel_scores import pearson_correlation
from frugalseg.images.channels import InputChannel, shared_input_names
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable
from frugalseg.images.image import Projection
from frugalseg.images.normalize import IntensityScale
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.sample_cache import CachedSamples
from frugalseg.learning.splits import Part, Split, split_fields
from frugalseg.networks.unet import Unet
from frugalseg.prediction.whole_image import predict_stain
from frugalseg.report import Comparison
from frugalseg.workflows.stains import StainPair, automatic_scale, compare, mean_pcc, read_pair, stain_sample

#: Grey values are sampled at every so many pixels to fit the target's scale.
STEP = 4
#: So many fields are shown in the report, held-out ones first.
SHOWN = 8
#: Fields from which the scale is estimated.
LOOKED_AT = 5
#: Of what is held out so many parts decide which weights are kept: each look at them predicts them whole.
DECIDING = 8


@dataclass
class StainLesson:
    """Fields that can be learned from, and what was found out about them.

    Attributes
    ----------
    channels, to, project
        Inputs, target, and how its focal planes become one.
    percentiles
        Of the target's grey values that become 0 and 1.
    names
        Of the inputs, as all fields have them.
    fields, shapes, greys
        One entry per field: itself, its (Y, X), and some of its target's grey values.
    failed
        Field name -> one line that says why it can't be used.
    scale
        Network px per image px.
    parts
        What is learned from and what is held out.
    validating
        What is held out and looked at during training; the rest is only scored at the end.
    target_scale
        Between the target's grey values and 0..1, fitted on what is learned from.
    """

    channels: tuple[InputChannel, ...]
    to: str
    project: Projection
    percentiles: tuple[float, float]
    names: tuple[str, ...] = ()
    fields: list[Field] = field(default_factory=list)
    shapes: list[tuple[int, int]] = field(default_factory=list)
    greys: list[NDArray[np.float32]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    scale: float = 1.0
    parts: Split = field(default=Split((), ()))
    validating: tuple[Part, ...] = ()
    target_scale: IntensityScale = field(init=False)

    def pair(self, part: Part) -> StainPair:
        """Inputs and target of the field of a part."""
        return read_pair(self.fields[part.field], self.channels, self.to, self.project)

    def name(self, part: Part) -> str:
        """Name of a part."""
        return part.name(self.fields[part.field].name)

    def split(self, seed: int, hold_out: bool) -> None:
        """Choose what is held out and what of it is looked at, and fit the target's scale on what is learned from."""
        self.parts = split_fields(self.shapes, seed, hold_out)
        order = np.random.default_rng([seed, 78]).permutation(len(self.parts.held_out))
        self.validating = tuple(self.parts.held_out[index] for index in sorted(order[:DECIDING]))
        greys = [
            self.greys[part.field][part.area(_shape(self.greys[part.field]))][None]
            for part in self.parts.train
        ]
        self.target_scale = IntensityScale.fit(greys, "percentile", self.percentiles, (self.to,))

    def samples(self) -> tuple[CachedSamples, CachedSamples]:
        """What is learned from, and what is looked at during training, loaded when asked for."""
        both = (self.parts.train, self.validating)
        train, validating = (CachedSamples([partial(self._sample, part) for part in parts]) for parts in both)
        return train, validating

    def _sample(self, part: Part) -> CropSample:
        name = self.fields[part.field].name
        return stain_sample(name, self.pair(part), self.target_scale, self.scale, part)

    def part_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the parts that are learned from, and of those held out."""
        train, held_out = (tuple(self.name(part) for part in parts) for parts in self.parts)
        return train, held_out

    def line(self) -> str:
        """One line on what is about to be learned."""
        held_out = ", ".join(self.part_names()[1]) or "nothing"
        return (
            f"{len(self.fields)} fields, held out: {held_out}; inputs {', '.join(self.names)}; "
            f"network px per image px {self.scale:g}"
        )


def read_stain_lesson(
    table: FieldTable,
    channels: tuple[InputChannel, ...],
    to: str,
    project: Projection,
    scale: float | None,
    percentiles: tuple[float, float],
) -> StainLesson:
    """Look at every field once; raises the first error where none can be used."""
    lesson = StainLesson(channels, to, project, percentiles)
    errors: list[FrugalsegError] = []
    targets: list[NDArray[np.float32]] = []
    for one in table:
        try:
            pair = read_pair(one, channels, to, project)
        except FrugalsegError as error:
            errors.append(error)
            lesson.failed[one.name] = " ".join(str(error).split())
            continue
        lesson.fields.append(one)
        lesson.shapes.append(_shape(pair.target))
        lesson.greys.append(pair.target[::STEP, ::STEP].copy())
        if len(targets) < LOOKED_AT:
            targets.append(pair.target)
    if not lesson.fields:
        raise errors[0]
    lesson.names = shared_input_names(lesson.fields, channels)
    lesson.scale = automatic_scale(targets) if scale is None else scale
    return lesson


def judge_stain(network: Unet, lesson: StainLesson) -> tuple[dict[str, dict[str, Any]], list[Comparison]]:
    """PCC of every part at the image's own scale, and pictures of some; held-out parts come first."""
    records: dict[str, dict[str, Any]] = {}
    comparisons: list[Comparison] = []
    roles = [(part, "held out") for part in lesson.parts.held_out]
    roles += [(part, "learned from") for part in lesson.parts.train]
    for part, role in roles:
        pair = lesson.pair(part)
        predicted = predict_stain(network, pair.planes, lesson.scale)
        real = lesson.target_scale.apply(pair.target[None])[0]
        area = part.area(_shape(real))
        pcc = pearson_correlation(predicted[area], real[area])
        records[lesson.name(part)] = {"role": role, "pcc": pcc}
        if len(comparisons) < SHOWN:
            pictures = (pair.planes[:, *area], real[area], predicted[area])
            comparisons.append(compare(lesson.name(part), *pictures, {"PCC": pcc, "role": role}))
    return records, comparisons


def mean_by_role(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Mean PCC and its 95 % interval, held-out parts apart from the others."""
    found = {
        role: mean_pcc([one["pcc"] for one in records.values() if one["role"] == role])
        for role in ("held out", "learned from")
    }
    return {role: one for role, one in found.items() if one is not None}


def _shape(plane: NDArray[Any]) -> tuple[int, int]:
    return int(plane.shape[0]), int(plane.shape[1])
