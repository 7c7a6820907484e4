"""Nuclei, or points where their areas are unknown, as seeds of cells at any scale."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.images.resize import resize_labels, resize_points


def resize_seeds(
    nuclei: NDArray[Any] | None, points: NDArray[Any], shape: tuple[int, int], new: tuple[int, int]
) -> NDArray[np.uint32]:
    """Return the seeds (Y',X') of cells in a resized image: areas of nuclei, and at least one pixel of every marker.

    Parameters
    ----------
    nuclei : (Y,X) int, optional
        Label map, label i + 1 is the nucleus of marker i. None: a marker is one pixel.
    points : (N,2) float
        Markers (y, x) in px of the image.
    shape, new
        (Y, X) of the image, and (Y', X') after resizing.

    Returns
    -------
    (Y',X') uint32
        Label i + 1 is the seed of marker i. Of several markers on one pixel only the first has a seed.

    Examples
    --------
    The second nucleus is lost at half the size, so that its marker's pixel stands for it.

    >>> nuclei = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 2, 0]])
    >>> resize_seeds(nuclei, np.array([[0.5, 1.5], [1, 4]]), (2, 6), (1, 3)).tolist()
    [[1, 1, 2]]
    """
    seeds = np.zeros(new, np.uint32) if nuclei is None else resize_labels(nuclei.astype(np.uint32), new)
    count = len(points)
    moved = resize_points(points, shape, new)
    pixels = np.clip(np.floor(moved + 0.5).astype(np.intp), 0, np.array(new) - 1)
    lost = np.setdiff1d(np.arange(1, count + 1), seeds)
    free = lost[seeds[tuple(pixels[lost - 1].T)] == 0][::-1]  # reversed: on one pixel the first marker wins
    seeds[tuple(pixels[free - 1].T)] = free
    return seeds


def resize_every_label(labels: NDArray[Any], new: tuple[int, int]) -> NDArray[np.uint32]:
    """Return a label map (Y',X') in which every label of (Y,X) is left, as one pixel where it would be lost.

    Parameters
    ----------
    labels : (Y,X) int
        0 elsewhere, numbers as they come.
    new
        (Y', X') after resizing.

    Returns
    -------
    (Y',X') uint32
        Of several labels that would be lost on one pixel, or on a pixel of another, only the first is there.

    Examples
    --------
    >>> resize_every_label(np.array([[9, 9, 9, 9, 0, 0], [9, 9, 9, 9, 4, 0]]), (1, 3)).tolist()
    [[9, 9, 4]]
    """
    shape = (int(labels.shape[0]), int(labels.shape[1]))
    small = resize_labels(labels.astype(np.uint32), new)
    lost = np.setdiff1d(labels, small)
    lost = lost[lost > 0]
    if len(lost):
        y, x = np.nonzero(np.isin(labels, lost))
        which = np.searchsorted(lost, labels[y, x])
        area = np.bincount(which)
        middles = np.stack([np.bincount(which, y) / area, np.bincount(which, x) / area], axis=1)
        pixels = np.clip(
            np.floor(resize_points(middles, shape, new) + 0.5).astype(np.intp), 0, np.array(new) - 1
        )
        for number, (y, x) in zip(lost.tolist(), pixels.tolist(), strict=True):
            small[y, x] = small[y, x] or number
    return small
