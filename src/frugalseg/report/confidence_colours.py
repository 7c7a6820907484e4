"""Colours of cells by their confidence: from dark for unsure to bright for sure."""

from bisect import bisect_right
from itertools import pairwise

LIMITS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Confidences at which the colour changes; finer above 0.5, as most cells lie there."""

COLOURS = ("#5901a5", "#9a169f", "#cc4778", "#eb7655", "#fdae32", "#f3f027")
"""One more than limits: matplotlib's plasma without its darkest part, told apart with every colour vision deficiency."""


def confidence_colour(confidence: float) -> str:
    """Return the colour of a cell.

    Parameters
    ----------
    confidence
        0..1.

    Examples
    --------
    >>> confidence_colour(0.2), confidence_colour(0.7), confidence_colour(1.0)
    ('#5901a5', '#eb7655', '#f3f027')
    """
    return COLOURS[bisect_right(LIMITS, confidence)]


def confidence_legend() -> list[tuple[str, str]]:
    """Return every colour with the confidences that it stands for, lowest first.

    Examples
    --------
    >>> confidence_legend()[0], confidence_legend()[-1]
    (('#5901a5', 'below 0.5'), ('#f3f027', '0.9 to 1'))
    """
    ranges = [f"{low:g} to {high:g}" for low, high in pairwise((*LIMITS, 1))]
    return list(zip(COLOURS, (f"below {LIMITS[0]:g}", *ranges), strict=True))
