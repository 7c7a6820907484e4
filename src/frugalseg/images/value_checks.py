"""Checks of the values of one channel: unusable, suspicious or noteworthy pixels and labels."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import BadPixels
from frugalseg.images.image import as_float32, why_not_finite
from frugalseg.images.label_checks import find_label_faults
from frugalseg.images.label_maps import as_labels
from frugalseg.images.outliers import constant_but_for_outliers, find_outliers

Severity = Literal["error", "warning", "note"]
SATURATED_FRACTION = 0.001
"""Share of pixels at the highest value from which an image counts as saturated."""

LABEL_WORDS = ("cells", "nuclei", "label", "mask", "truth", "seg", "marker", "seeds", "points", "dots")
SAME_NEIGHBOUR = 0.9
"""Share of pixels equal to their right neighbour above which values are labels rather than intensities."""

SOME_BACKGROUND = 0.02
FULL_SCALES = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)


@dataclass(frozen=True)
class Finding:
    """One finding. An error makes the channel unusable, a warning may affect results, a note informs."""

    severity: Severity
    kind: str
    text: str


def is_label_map(values: NDArray[Any], name: str) -> bool:
    """Guess whether numbers (Z, Y, X) are a label map: areas of one value on 0, or named like labels and single points or empty.

    Inside a cell a pixel equals its right neighbour, while intensities are noisy. Floats that are no whole numbers may be a
    damaged label map where they are named like one.

    >>> is_label_map(np.kron(np.arange(4), np.ones((8, 8), int))[None], "a")
    True
    """
    if values.dtype.kind not in "iubf" or values.size == 0 or values.shape[0] > 1:
        return False
    named = any(word in name.lower() for word in LABEL_WORDS)
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (named or (values % 1 == 0).all())):
        return False
    left, right = values[..., :-1], values[..., 1:]
    inside = (left != 0) & (right != 0)
    if not inside.any():
        return named
    same = float((left == right)[inside].mean())
    # In a saturated or constant image neighbours are equal too, but there is no background.
    return same > SAME_NEIGHBOUR and (named or float((values <= 0).mean()) > SOME_BACKGROUND)


def check_values(values: NDArray[Any]) -> list[Finding]:
    """Return findings about the intensities (Z, Y, X) of one channel."""
    if values.size == 0:
        return [Finding("error", "empty", "has no pixels")]
    if values.dtype.kind == "c" or values.dtype.kind not in "iufb":
        return [Finding("error", "type", f"is of type {values.dtype}; whole or real numbers are needed")]
    if values.dtype.kind == "f":
        bad = values.size - int(np.isfinite(as_float32(values)).sum())
        if bad:
            share = f"{bad / values.size:.1%}"
            return [
                Finding(
                    "error", "not-finite", f"has {bad} pixels that are {why_not_finite(values)} ({share})"
                )
            ]
    low, high = values.min(), values.max()
    if low == high:
        return [Finding("error", "constant", f"is constant (every pixel is {low:g})")]
    findings = _outliers(values)
    if values.dtype.kind in "iu":
        findings += _saturation(values, int(high))
        findings += _stretching(values, int(low), int(high))
    if values.shape[0] > 1:
        findings.append(
            Finding(
                "note",
                "focal-planes",
                f"has {values.shape[0]} focal planes; their maximum is used, and of cells without a stain the sharpest",
            )
        )
    return findings


def check_label_map(values: NDArray[Any]) -> list[Finding]:
    """Return findings about a label map (1, Y, X); what is surely none can still be a mask or an image."""
    if not (values > 0).any():
        return [Finding("warning", "empty-labels", "is an empty label map: no cell is labelled")]
    findings: list[Finding] = []
    if (values < 0).any():
        findings.append(Finding("note", "negative-labels", "has negative labels; they mean 'not annotated'"))
    try:
        labels = as_labels(values[0], "its values")
    except BadPixels as error:
        return [*findings, Finding("warning", "no-labels", f"can't be used as labels or markers: {error}")]
    for fault in find_label_faults(labels):
        text = (
            f"{fault.text}. As it is, it can't be used as labels, truth or markers"
            if fault.certain
            else fault.text
        )
        findings.append(Finding("warning", f"labels-{fault.kind}", text))
    return findings


def _outliers(values: NDArray[Any]) -> list[Finding]:
    """Find pixels that would flatten all others, plane by plane, as models do."""
    planes = [as_float32(plane) for plane in values]
    if all(plane.min() == plane.max() or constant_but_for_outliers(plane) for plane in planes):
        text = f"is constant but for a few outliers (it goes from {values.min():g} to {values.max():g}); is it the right channel?"
        return [Finding("warning", "constant", text)]
    found = [find_outliers(plane) for plane in planes]
    count = sum(int(plane.sum()) for plane in found)
    if not count:
        return []
    outside = np.stack(found)
    ordinary = values[~outside]
    share = f"{count} of {values.size} pixels" if count > 1 else "one pixel"
    text = (
        f"has outliers, such as hot pixels: {share} between {values[outside].min():g} and {values[outside].max():g}, where "
        f"all others lie between {ordinary.min():g} and {ordinary.max():g}; models replace them by their surroundings"
    )
    return [Finding("warning", "outliers", text)]


def _saturation(values: NDArray[Any], high: int) -> list[Finding]:
    """Find saturation: many pixels at the highest value of a camera or of the type."""
    full = np.iinfo(values.dtype).max
    if high != full and high not in FULL_SCALES:
        return []
    fraction = float((values == high).mean())
    if fraction < SATURATED_FRACTION:
        return []
    return [
        Finding(
            "warning",
            "saturated",
            f"is saturated: {fraction:.1%} of the pixels have the highest value, {high}",
        )
    ]


def _stretching(values: NDArray[Any], low: int, high: int) -> list[Finding]:
    """Find contrast changed after acquisition: the full 8-bit range, or few levels with gaps between them."""
    if values.dtype.itemsize == 1:
        if (low, high) != (0, 255):
            return []
        text = "is 8-bit and covers exactly 0 to 255: probably stretched, so its values can't be compared between fields"
        return [Finding("note", "stretched", text)]
    levels = np.unique(values)
    if levels.size <= 256 and high - low > 4 * 256:
        text = f"has only {levels.size} grey levels between {low} and {high}: an 8-bit image stored as {values.dtype}"
        return [Finding("warning", "stretched", text)]
    return []
