"""How an image looks to a network, and whether it looks unlike the images that the network learned from.

A network fails where cells look otherwise than those it knows, such as dark on bright for bright on dark. So a look says on
which side, bright or dark, the fine structure of an image lies, from the grain of the camera to half a cell. Contrast, how
many cells there are and how wide they are hardly change it; `docs/decisions/0018-looks.md` says what else was tried.
"""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.normalize import blur
from frugalseg.networks.cards import Look

#: Octaves of structure, px at the model scale: details lost by a blur of 1, 2, 4, 8 and 16 px. A cell is 30 px wide.
OCTAVES = 5
#: Grey values of an octave beyond these quantiles are cut off: a dark corner or a dead cell is no look.
CUT = (0.02, 0.98)
#: Parts of an image are as wide as the crops that a network learns from, px at the model scale ...
PART = 128
#: ... or smaller, so that there are at least so many along each side.
FEWEST = 2
#: So many of the parts of an image are no farther from its look than its spread.
USUAL = 0.95


def image_look(planes: NDArray[np.float32]) -> Look:
    """Return the look of an image: correlations of fine structure with coarser grey values.

    Parameters
    ----------
    planes : (C,Y,X) float32
        As a network sees them: normalised and at the model scale.

    Returns
    -------
    Look
        For each channel and each pair of octaves: the correlation of how strong the finer one is with the grey value of
        the coarser one. The median over the parts of the image, which count by how much structure they hold.

    Examples
    --------
    >>> from frugalseg.synthetic.cells import make_cells
    >>> phase = make_cells((256, 256), seed=1).phase[None].astype(np.float32)
    >>> bright, dark = image_look(phase), image_look(-phase)
    >>> look_distance(bright, [dark]) > 2, look_distance(bright, [dark, bright])
    (True, 0.0)
    """
    measured = [_parts(plane) for plane in planes]
    parts = np.concatenate([values for values, _ in measured], axis=1)
    weights = np.mean([structure for _, structure in measured], axis=0)
    typical = np.array([_quantile(values, weights, 0.5) for values in parts.T])
    spread = _quantile(_root_mean_square(parts - typical), weights, USUAL)
    return Look(values=tuple(np.round(typical, 4).tolist()), spread=round(spread, 4))


def look_distance(look: Look, others: Sequence[Look]) -> float:
    """Return how far a look is from the nearest of others; 1 is as far as parts of one image lie from its look.

    So an image is unlike the others above 1. The measure is the larger spread of both images: with less, an image would be
    unlike itself. 0 without others, and where they have another number of channels.
    """
    same = [one for one in others if len(one.values) == len(look.values)]
    return min((_distance(look, one) for one in same), default=0.0)


def sampling_weights(looks: Sequence[Look], counts: Sequence[int]) -> list[float]:
    """Return how often each image is to be drawn, so that many images of one look do not drown the others.

    All images of a look together are drawn in proportion to the root of their number, and each of them equally often.

    Parameters
    ----------
    looks
        Of the images.
    counts
        How many images each of them stands for, itself included.

    Returns
    -------
    list of float
        Equal numbers where all images have one look.

    Examples
    --------
    >>> common, rare = Look(values=(0.3,), spread=0.1), Look(values=(-0.3,), spread=0.1)
    >>> sampling_weights([common, common, common, common, rare], [1, 1, 1, 1, 1])
    [0.5, 0.5, 0.5, 0.5, 1.0]
    """
    alike = np.array([[_distance(a, b) <= 1 for b in looks] for a in looks])
    standing_for = alike @ np.asarray(counts)
    weights: list[float] = (np.sqrt(standing_for) / alike.sum(axis=1)).tolist()
    return weights


def _distance(one: Look, other: Look) -> float:
    """Return the distance of two looks in units of the larger spread; images without any spread are no measure."""
    apart = float(_root_mean_square(np.subtract(one.values, other.values)))
    return apart / max(one.spread, other.spread, 1e-4)


def _parts(plane: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the correlations (parts, pairs of octaves) of a plane (Y,X), and each part's share of its structure."""
    blurred = [plane, *(blur(plane, 2.0**k) for k in range(OCTAVES))]
    octaves = [fine - coarse for fine, coarse in pairwise(blurred)]
    octaves = [np.clip(one, *np.quantile(one, CUT)) for one in octaves]
    strength = [blur(np.abs(one), 2.0 ** (k + 1)) for k, one in enumerate(octaves[:-1])]
    pairs = [(j, k) for j in range(OCTAVES) for k in range(j + 1, OCTAVES)]
    numbers = (min(max(FEWEST, side // PART), side) for side in plane.shape)
    rows, columns = (
        [slice(i * side // n, (i + 1) * side // n) for i in range(n)]
        for n, side in zip(numbers, plane.shape, strict=True)
    )
    areas = list(product(rows, columns))
    values = [[_correlation(strength[j][area], octaves[k][area]) for j, k in pairs] for area in areas]
    coarser = octaves[1:]  # the finest is grain, which is everywhere
    power = np.array([[np.sum(one[area] ** 2, dtype=np.float64) for one in coarser] for area in areas])
    shares = power / np.maximum(power.sum(axis=0), np.finfo(np.float64).tiny)
    return np.array(values), shares.mean(axis=1)


def _quantile(values: NDArray[np.float64], weights: NDArray[np.float64], level: float) -> float:
    """Return a quantile of weighted values."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(level * weights.sum(), reached, values[order]))


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return Pearson's correlation; 0 where either is constant."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt(np.sum(a * a, dtype=np.float64) * np.sum(b * b, dtype=np.float64)))
    return float(np.sum(a * b, dtype=np.float64)) / norm if norm > 0 else 0.0


def _root_mean_square(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.mean(np.square(values), axis=-1)))
