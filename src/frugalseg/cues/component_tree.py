"""Nuclei as the best contours of an image: every nucleus gets a threshold of its own.

Thresholding an image at rising levels gives components that split and shrink: a tree. A nucleus is the
component along its branch whose border is steepest for its size and whose shape is closest to an ellipse.
So neither a 100-fold spread of the stain nor glowing cytoplasm needs a threshold that fits all.
"""

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

Float = NDArray[np.float64]
Plane = NDArray[np.float32]

#: Smallest component that is looked at, in pixels.
MIN_AREA = 9
#: Ratio of one level to the next.
STEP = 1.12
MAX_LEVELS = 90
Q0, Q1 = 0.75, 0.2


@dataclass(frozen=True)
class Level:
    """The components of one threshold, as columns of equal length (n,)."""

    threshold: float
    area: Float
    y: Float
    x: Float
    ellipticity: Float  # area over the area of the ellipse with the same second moments; 1 for an ellipse
    steepness: Float  # mean gradient along the border, grey values per px
    seed: NDArray[np.int64]  # flat index of one pixel inside
    parent: NDArray[np.int64]  # index in the level below; 0 at the lowest
    cut: NDArray[np.bool_]  # at the image's edge


@dataclass(frozen=True)
class Contours:
    """Chosen components, as columns of equal length (n,); ``strength`` is steepness times radius."""

    area: Float
    y: Float
    x: Float
    ellipticity: Float
    strength: Float
    threshold: Float
    seed: NDArray[np.int64]
    cut: NDArray[np.bool_]  # at the image's edge, so there may be more of it

    @property
    def diameter(self) -> Float:
        """Diameter (n,) of the disk of the same area, px."""
        return np.sqrt(4 * self.area / np.pi)

    def __len__(self) -> int:
        """How many there are."""
        return self.area.size

    def __getitem__(self, which: NDArray[np.bool_]) -> "Contours":
        """Those where ``which`` (n,) is True."""
        return Contours(*(getattr(self, f.name)[which] for f in fields(self)))


def component_levels(lowest: float, highest: float, step: float = STEP) -> list[float]:
    """Thresholds in geometric progression from ``lowest`` to just under ``highest``."""
    if highest <= lowest:
        return []
    n = int(np.ceil(np.log(highest / lowest) / np.log(step)))
    if n > MAX_LEVELS:
        return [float(t) for t in np.geomspace(lowest, highest, MAX_LEVELS, endpoint=False)]
    return [lowest * step**k for k in range(n)]


def build_component_tree(
    plane: Plane, thresholds: list[float], hidden: NDArray[np.bool_] | None = None
) -> list[Level]:
    """Components of ``plane`` (Y, X) above every threshold, each linked to the one around it.

    Pixels in ``hidden`` (Y, X) belong to none, and a component's border with them is not looked at.
    """
    gy = cv2.Sobel(plane, cv2.CV_32F, 0, 1, scale=1 / 8)
    gx = cv2.Sobel(plane, cv2.CV_32F, 1, 0, scale=1 / 8)
    slope: Plane = np.asarray(cv2.magnitude(gx, gy), np.float32).ravel()
    levels: list[Level] = []
    # pixel -> component of the level below, -1 outside
    around: NDArray[np.int32] = np.zeros(plane.size, np.int32)
    for threshold in thresholds:
        mask = plane > threshold
        if hidden is not None:
            mask &= ~hidden
        index, inside, n = _components(mask)
        if n == 0:
            break
        rim = mask.view(np.uint8) != _eroded(mask, hidden)
        level = _measure(threshold, inside, index, n, around, plane.shape, slope, rim.ravel())
        levels.append(level)
        around.fill(-1)
        around[inside] = index
    return levels


def _components(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64], int]:
    """Component of every pixel inside (those under `MIN_AREA` left out), these pixels, how many components."""
    n, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    inside = np.flatnonzero(mask)
    index = labels.ravel()[inside]
    keep = np.bincount(index, minlength=n) >= MIN_AREA
    keep[0] = False
    renumber = np.cumsum(keep, dtype=np.int32) - 1
    of_interest = keep[index]
    return renumber[index[of_interest]], inside[of_interest], int(keep.sum())


def _eroded(mask: NDArray[np.bool_], hidden: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
    # what lies past the image's edge, or is hidden, may be inside: no border of a nucleus
    known = mask if hidden is None else mask | hidden
    core = cv2.erode(known.view(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return np.asarray(core, np.uint8) & mask.view(np.uint8)


def _measure(
    threshold: float,
    inside: NDArray[np.int64],
    index: NDArray[np.int32],
    n: int,
    around: NDArray[np.int32],
    shape: tuple[int, ...],
    slope: Plane,
    rim: NDArray[np.bool_],
) -> Level:
    area = np.bincount(index, minlength=n).astype(float)
    y, x = np.divmod(inside, shape[1])
    cy, cx = np.bincount(index, y, n) / area, np.bincount(index, x, n) / area
    seed = np.zeros(n, np.int64)
    seed[index] = inside
    on_rim = rim[inside]
    length = np.bincount(index[on_rim], minlength=n)
    steep = np.bincount(index[on_rim], slope[inside[on_rim]], n) / np.maximum(length, 1)
    # seen from less than 40 % of a circle, a border says little
    steep = steep * np.minimum(length / (0.4 * np.sqrt(4 * np.pi * area)), 1)
    cut = np.zeros(n, bool)
    cut[index[(y == 0) | (x == 0) | (y == shape[0] - 1) | (x == shape[1] - 1)]] = True
    round_ = ellipticity(y - cy[index], x - cx[index], index, area)
    return Level(threshold, area, cy, cx, round_, steep, seed, around[seed].astype(np.int64), cut)


def ellipticity(dy: Float, dx: Float, index: NDArray[np.int32], area: Float) -> Float:
    """Area over that of the ellipse with the same second moments: 1 for an ellipse, 0.89 for two touching disks."""
    n = area.size
    # 1/12: a pixel is a square, not a point; matters for nuclei of 7 px
    yy = np.bincount(index, dy * dy, n) / area + 1 / 12
    xx = np.bincount(index, dx * dx, n) / area + 1 / 12
    yx = np.bincount(index, dy * dx, n) / area
    return np.asarray(area / (4 * np.pi * np.sqrt(np.maximum(yy * xx - yx * yx, 1e-6))))


def choose(levels: list[Level], diameter: float | None, largest: float) -> Contours:
    """Pick the components that do not lie in each other and are, together, the best nuclei.

    Parameters
    ----------
    levels
        From `build_component_tree`, lowest first.
    diameter
        Expected diameter in px; sizes far from it count less. None: all sizes up to ``largest`` alike.
    largest
        Largest diameter in px that can be a nucleus.
    """
    values = [_value(level, diameter, largest) for level in levels]
    wins = [np.zeros(0, bool)] * len(levels)
    inherited = np.zeros(0)
    for k in range(len(levels) - 1, -1, -1):
        value = values[k]
        if k == len(levels) - 1:
            rivals = np.zeros(value.size)
        else:
            above, n = levels[k + 1].parent, value.size
            total = np.bincount(above, inherited, n)
            # children weigh by their own value, so specks of noise do not vote
            rivals = np.bincount(above, inherited**2, n) / np.maximum(total, 1e-12)
        wins[k] = (value >= rivals) & (value > 0)
        inherited = np.maximum(value, rivals)
    return _collect(levels, values, wins)


def _value(level: Level, diameter: float | None, largest: float) -> Float:
    d = np.sqrt(4 * level.area / np.pi)
    shape = np.clip((level.ellipticity - 0.8) / 0.18, 0, 1) ** 2
    value = level.steepness * d / 2 * shape
    if diameter is not None:
        off = np.log2(d / diameter)
        # what the image's edge cuts may be small
        off = np.where(level.cut, np.maximum(off, 0), off)
        value = value * np.exp(-0.5 * np.maximum(np.abs(off) - 0.3, 0) ** 2 / 0.5**2)
    return np.asarray(np.where(d <= largest, value, 0.0))


def _collect(levels: list[Level], values: list[Float], wins: list[NDArray[np.bool_]]) -> Contours:
    rows = [np.zeros((6, 0))]
    seeds = [np.zeros(0, np.int64)]
    cuts = [np.zeros(0, bool)]
    covered = np.zeros(0, bool)
    for k, level in enumerate(levels):
        under = np.zeros(level.area.size, bool) if k == 0 else covered[level.parent]
        chosen = wins[k] & ~under
        covered = under | chosen
        t = np.full(level.area.size, level.threshold)
        columns = (level.area, level.y, level.x, level.ellipticity, values[k], t)
        rows.append(np.stack([c[chosen] for c in columns]))
        seeds.append(level.seed[chosen])
        cuts.append(level.cut[chosen])
    area, y, x, shape, strength, threshold = np.concatenate(rows, axis=1)
    return Contours(area, y, x, shape, strength, threshold, np.concatenate(seeds), np.concatenate(cuts))


def paint(plane: Plane, contours: Contours) -> NDArray[np.int32]:
    """Label map (Y, X) of the chosen components, holes filled, numbered from 1 in their order."""
    out = np.zeros(plane.shape, np.int32)
    for i in np.argsort(-contours.threshold):
        fill = _component(plane, float(contours.threshold[i]), int(contours.seed[i]), float(contours.area[i]))
        ys, xs, part = fill
        window = out[ys, xs]
        window[ndi.binary_fill_holes(part) & (window == 0)] = i + 1
    return out


def _component(
    plane: Plane, threshold: float, seed: int, area: float
) -> tuple[slice, slice, NDArray[np.bool_]]:
    """The component around ``seed``, looked for in a window that grows until it holds all of it."""
    h, w = plane.shape
    y, x = divmod(seed, w)
    reach = int(np.ceil(2 * np.sqrt(area / np.pi))) + 2
    while True:
        ys = slice(max(y - reach, 0), min(y + reach + 1, h))
        xs = slice(max(x - reach, 0), min(x + reach + 1, w))
        mask = (plane[ys, xs] > threshold).astype(np.uint8)
        _, labels = cv2.connectedComponents(mask, connectivity=4)
        part = labels == labels[y - ys.start, x - xs.start]
        if part.sum() >= area or reach > max(h, w):
            return ys, xs, part
        reach *= 2
