"""Fields as a stain model sees them: inputs, target, scale, and how well both agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.cues.markers import find_markers
from frugalseg.errors import BadPixels, InputError, WrongShape
from frugalseg.evaluation.intervals import mean_interval
from frugalseg.images.channels import InputChannel, read_inputs
from frugalseg.images.field import Field
from frugalseg.images.image import Projection
from frugalseg.images.normalize import IntensityScale, zscore
from frugalseg.images.resize import resize_planes, scaled_shape
from frugalseg.learning.crop_batches import CropSample
from frugalseg.learning.splits import Part
from frugalseg.report import Comparison, preview

#: Nuclei are this wide, px, where the scale is chosen automatically: enough to see their shape.
TARGET_NUCLEUS_DIAMETER = 20.0
#: Dim cells are lifted in the report's pictures by this exponent, of the real and of the predicted stain alike.
GAMMA = 0.6
#: Images are never made smaller than this, nor larger than they are.
SMALLEST_SCALE = 0.25


@dataclass(frozen=True)
class StainPair:
    """Inputs and target of one field at the image's own scale.

    Attributes
    ----------
    planes
        (C,Y,X) float32, z-scored.
    target
        (Y,X) float32, grey values.
    """

    planes: NDArray[np.float32]
    target: NDArray[np.float32]


def read_pair(field: Field, inputs: Sequence[InputChannel], to: str, project: Projection) -> StainPair:
    """Read what a stain model learns from.

    Raises
    ------
    InputError
        A channel is missing, unreadable, not finite or constant, or the target has another shape.
    """
    planes = read_zscored(field, inputs)
    target = field.plane(to, project)
    if target.shape != planes.shape[1:]:
        raise WrongShape(
            f"field {field.name!r}: the inputs are {planes.shape[1]} x {planes.shape[2]} px and {to!r} is "
            f"{target.shape[0]} x {target.shape[1]} px; both must show the same pixels"
        )
    if float(target.min()) == float(target.max()):
        raise BadPixels(
            f"field {field.name!r}: channel {to!r} is constant (every pixel is {float(target.min()):g}); leave the field "
            "out or choose another channel"
        )
    return StainPair(planes, target)


def read_zscored(field: Field, inputs: Sequence[InputChannel]) -> NDArray[np.float32]:
    """Inputs (C,Y,X) of a field, each with mean 0 and standard deviation 1."""
    names = tuple(map(str, inputs)) if all(one.planes is None for one in inputs) else ()
    planes = read_inputs(field, inputs)
    return zscore(planes, names if len(names) == len(planes) else (), f"field {field.name!r}")


def automatic_scale(targets: Sequence[NDArray[np.float32]]) -> float:
    """Network px per image px that makes nuclei 20 px wide; 1 where nothing like nuclei is found.

    Examples
    --------
    >>> automatic_scale([])
    1.0
    """
    diameters = []
    for target in targets:
        try:
            markers = find_markers(target)
        except InputError:  # a stain of something else
            continue
        if len(markers) >= 5:
            diameters.append(markers.diameter)
    if not diameters:
        return 1.0
    factor = TARGET_NUCLEUS_DIAMETER / float(np.median(diameters))
    return round(float(np.clip(factor, SMALLEST_SCALE, 1.0)), 2)


def stain_sample(
    name: str, pair: StainPair, target_scale: IntensityScale, scale: float, part: Part
) -> CropSample:
    """Sample of a field, or a part of it, at the network's scale."""
    shape = scaled_shape((int(pair.planes.shape[1]), int(pair.planes.shape[2])), scale)
    area = part.area(shape)
    target = resize_planes(target_scale.apply(pair.target[None]), shape)
    planes = resize_planes(pair.planes, shape)
    return CropSample(
        part.name(name),
        np.ascontiguousarray(planes[:, *area]),
        np.ascontiguousarray(target[:, *area]),
    )


def mean_pcc(values: Sequence[float | None]) -> dict[str, Any] | None:
    """Mean PCC and its 95 % interval, without the fields where an image is constant; None where no field is left."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    if not known:
        return None
    return mean_interval(known).to_dict()


def compare(
    name: str,
    planes: NDArray[np.float32],
    real: NDArray[np.float32] | None,
    predicted: NDArray[np.float32],
    numbers: dict[str, float | str],
) -> Comparison:
    """Input, real and predicted stain side by side, both stains with the same grey values."""
    pictures = [("input", preview(planes[:1]))]
    if real is not None:
        low, high = np.percentile(real, [0.5, 99.8])
        span = max(float(high - low), 1e-12)
        pictures += [
            (title, np.clip((plane - low) / span, 0, 1) ** GAMMA)
            for title, plane in (("real stain", real), ("predicted stain", predicted))
        ]
    else:
        pictures.append(("predicted stain", preview(predicted)))
    return Comparison(name=name, pictures=pictures, numbers=numbers)
