"""Images of which a student is less sure than of those that it learned from: seen in another contrast, or by norms that know them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from frugalseg.models.field_doubts import UNUSUAL
from frugalseg.models.seen_image import SeenImage

#: An image is doubtful where so many times as many cells as in those learned from have an unusually low confidence.
DOUBTFUL = 2.0
#: What another sight must gain in mean confidence: docs/decisions, 25, 26 and 29.
MUST_GAIN = 0.02
#: How else an image can be seen, in the order in which it is tried.
WAYS = (SeenImage.with_less_contrast, SeenImage.with_inverted_contrast, SeenImage.with_adapted_norms)


class Found(Protocol):
    """Cells of an image, and how sure a network is of each."""

    @property
    def sure(self) -> Mapping[int, float]:
        """Number of a cell -> agreement of the orientations on it, 0..1; 0 where the network itself sees no cell."""


FoundT = TypeVar("FoundT", bound=Found)


def surer_sight(
    image: SeenImage,
    found: FoundT,
    find: Callable[[SeenImage], FoundT],
    ways: Sequence[Callable[[SeenImage], SeenImage | None]] = WAYS,
) -> tuple[SeenImage, FoundT]:
    """Return how a network sees an image best, and the cells it finds so.

    That is as it is, with less contrast, inverted, or with adapted batch norms.

    Each is tried where the network is unsure of more cells than it should be, and counts where the orientations of the image
    then agree clearly better. So what a network knows well is seen as before, and takes no longer.

    Parameters
    ----------
    image
        As it is.
    found
        What is found in it.
    find
        Finds cells in the image as it is seen.
    ways
        Of seeing it otherwise; each of what the ways before it led to.
    """
    for otherwise in ways:
        if not is_doubtful(found.sure.values(), image.usual_confidence):
            break
        other = otherwise(image)
        if other is None:
            continue
        anew = find(other)
        if mean_confidence(anew.sure) - mean_confidence(found.sure) >= MUST_GAIN:
            image, found = other, anew
    return image, found


def is_doubtful(confidence: Collection[float], usual: float | None) -> bool:
    """Return whether unusually many cells of an image have a low confidence.

    Parameters
    ----------
    confidence
        Of every cell.
    usual
        What nine in ten cells of the images that were learned from exceed; None: not known, so nothing is doubtful.

    Examples
    --------
    >>> is_doubtful([0.5, 0.9, 0.9, 0.9], 0.8), is_doubtful([0.5, *[0.9] * 9], 0.8), is_doubtful([], 0.8)
    (True, False, False)
    """
    if usual is None or not confidence:
        return False
    return float(np.mean(np.array(list(confidence)) < usual)) > DOUBTFUL * UNUSUAL


def mean_confidence(confidence: Mapping[int, float]) -> float:
    """Return the mean over cells; 0 where nothing is known."""
    return float(np.mean(list(confidence.values()))) if confidence else 0.0
