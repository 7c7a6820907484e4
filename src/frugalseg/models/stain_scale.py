"""On which scale a stain is learned: between its grey values and the target of a network."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.normalize import IntensityScale
from frugalseg.learning.from_stains.target_scales import TargetScale
from frugalseg.learning.signal_level import otsu

Grey = NDArray[np.float32]

#: Added to grey values above black before the logarithm is taken, as a share of the range between the percentiles.
FLOOR = 0.02


def fit_stain_scale(
    greys: Sequence[Grey], kind: TargetScale, percentiles: tuple[float, float], target: str
) -> IntensityScale:
    """Return the scale of a stain as a model keeps it, measured on its training set.

    Parameters
    ----------
    greys : sequence of (Y,X) float32
        Grey values of each field, or a sample of them.
    kind
        See `frugalseg.learning.from_stains.target_scales.TargetScale`. Of those that are measured field by field, the
        median over fields is kept: a new image has no stain to measure.
    percentiles
        Grey values that become 0 and 1; a mask has none.
    target
        Name of the stain.

    Raises
    ------
    BadPixels
        The stain is constant.

    Examples
    --------
    >>> field = np.array([[0.0, 10.0, 1000.0]], np.float32)
    >>> fit_stain_scale([field, field + 100], "mask", (0, 100), "dapi").apply(field[None]).tolist()
    [[[0.0, 0.0, 1.0]]]
    """
    planes = [grey[None] for grey in greys]
    pooled = IntensityScale.fit(planes, "percentile", percentiles, (target,))
    if kind == "linear":
        return pooled
    if kind == "log":
        black, floor = pooled.centre, (FLOOR * pooled.spread[0],)
        logs = [
            np.log(np.maximum(plane - np.float32(black[0]), 0) + np.float32(floor[0])) for plane in planes
        ]
        fitted = IntensityScale.fit(logs, "percentile", percentiles, (target,))
        return fitted.model_copy(update={"how": "log", "black": black, "floor": floor})
    first = pooled.model_copy(update={"how": kind})
    varied = [grey for grey in greys if np.ptp(grey) > 0] or [
        np.concatenate([g.ravel() for g in greys])[None]
    ]
    own = [scale_in_field(first, grey) for grey in varied]
    middle = {
        name: (float(np.median([getattr(one, name)[0] for one in own])),) for name in ("centre", "spread")
    }
    return first.model_copy(update=middle)


def scale_in_field(scale: IntensityScale, stain: Grey) -> IntensityScale:
    """Return the scale of one field's real stain (Y,X): the model's, or measured on this field where that is its kind."""
    if np.ptp(stain) == 0:
        return scale
    if scale.how == "mask":
        return scale.model_copy(update={"centre": (otsu(stain),), "spread": (1.0,)})
    if scale.how == "field":
        own = IntensityScale.fit(stain[None], "percentile", scale.percentiles, scale.channels)
        return own.model_copy(update={"how": "field"})
    return scale


def learned_stain(scale: IntensityScale, stain: Grey) -> Grey:
    """Return a real stain (Y,X) on the scale on which it is learned."""
    learned: Grey = scale_in_field(scale, stain).apply(stain[None])[0]
    return learned
