"""Label maps of synthetic cells: areas that touch, one nucleus in each, one marker in each nucleus."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from frugalseg.errors import SettingsError

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.uint32]

#: Least distance between two cell centres, in diameters; nuclei then never overlap.
SPACING = 0.62
#: Radii up to which a cell competes for pixels; pixels beyond go to the nearest cell.
REACH = 1.7


@dataclass(frozen=True)
class Truth:
    """Label maps of one field: cell i, nucleus i and row i - 1 of the markers are the same cell."""

    cells: Labels  # (Y, X)
    nuclei: Labels  # (Y, X)
    markers: npt.NDArray[np.float64]  # (N, 2), y x in px: the nuclei's centroids


def draw_truth(
    shape: tuple[int, int],
    n_cells: int | None,
    density: float,
    diameter: float,
    rng: np.random.Generator,
) -> Truth:
    """Place the cells, divide the pixels among them, and put a nucleus in each; `SettingsError` where one finds no room."""
    n = round(density * shape[0] * shape[1] / (np.pi / 4 * diameter**2)) if n_cells is None else n_cells
    if n == 0:
        empty = np.zeros(shape, np.uint32)
        return Truth(empty, empty.copy(), np.zeros((0, 2)))
    centres = _place(n, shape, diameter, clustering=1.5 * (1 - density), rng=rng)
    axes = rng.uniform(0, np.pi, len(centres))  # direction of each cell's long axis, radians
    distance, owner = _compete(shape, centres, axes, diameter, rng)
    # With a density, the quantile of the distance is the radius at which cells cover that part of the field.
    limit = 1.0 if n_cells is not None else np.quantile(distance, min(density, 1.0))
    cells = _one_piece(np.where(distance <= limit, owner, 0).astype(np.uint32), centres)
    nuclei = _nuclei(cells, axes, diameter, rng)
    if not np.isin(np.arange(1, len(centres) + 1), nuclei).all():
        raise SettingsError(
            f"{len(centres)} cells of {diameter} px do not all find room in {shape[0]} x {shape[1]} px; give fewer or smaller ones"
        )
    markers = ndimage.center_of_mass(nuclei > 0, nuclei, np.arange(1, len(centres) + 1))
    return Truth(cells, nuclei, np.asarray(markers, dtype=np.float64).reshape(-1, 2))


def smooth_noise(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> Floats:
    """Draw a random plane (Y, X) with features of about `scale` px, mean 0, standard deviation about 1."""
    coarse = rng.standard_normal([int(np.ceil(n / scale)) + 3 for n in shape])
    factor = [n / (c - 3) for n, c in zip(shape, coarse.shape, strict=True)]
    # Sampling inside the coarse grid keeps edge effects of the interpolation out of the plane.
    field: Floats = ndimage.affine_transform(
        coarse, [1 / f for f in factor], offset=1.0, output_shape=shape, order=3, mode="nearest"
    )
    return field * 1.4  # interpolation reduces the variance


def boundary_distance(labels: npt.NDArray[Any]) -> Floats:
    """Return the distance (Y, X), px, to the nearest boundary between two labels or a label and background."""
    boundary = np.zeros(labels.shape, dtype=bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    boundary[1:] |= down
    boundary[:-1] |= down
    boundary[:, 1:] |= right
    boundary[:, :-1] |= right
    if not boundary.any():
        return np.full(labels.shape, float(max(labels.shape)))
    distance: Floats = ndimage.distance_transform_edt(~boundary)
    return distance


def _place(
    n: int, shape: tuple[int, int], diameter: float, clustering: float, rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Draw centres (N, 2) at whole pixels, no two closer than the spacing, denser in random colonies."""
    colony = smooth_noise(shape, 4 * diameter, rng)
    spacing = SPACING * diameter
    while True:
        candidates = rng.integers(0, shape, size=(30 * n + 100, 2))
        chance = clustering * colony[tuple(candidates.T)] + rng.gumbel(size=len(candidates))
        reach = int(spacing)
        near = np.hypot(*np.ogrid[-reach : reach + 1, -reach : reach + 1]) <= spacing
        taken = np.zeros(
            [side + 2 * reach for side in shape], dtype=bool
        )  # a margin, so that no disk is cut off
        chosen: list[int] = []
        for i in np.argsort(-chance):
            y, x = candidates[i]
            if not taken[y + reach, x + reach]:
                chosen.append(i)
                taken[y : y + 2 * reach + 1, x : x + 2 * reach + 1] |= near
                if len(chosen) == n:
                    return candidates[chosen]
        spacing *= 0.8


def _compete(
    shape: tuple[int, int],
    centres: npt.NDArray[np.intp],
    axes: Floats,
    diameter: float,
    rng: np.random.Generator,
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return the distance (Y, X) of each pixel to its cell, in radii of that cell, and the number of the cell from 1.

    Each cell has its own size, direction and lobes, and all share one warp of the coordinates, so boundaries are neither
    straight nor circular.
    """
    n = len(centres)
    warp = _warp(shape, diameter, rng)
    radius = diameter / 2 * rng.lognormal(0, 0.18, n)
    stretch = np.sqrt(rng.uniform(1.0, 2.4, n))
    lobes = rng.uniform(0, 0.13, (n, 3)) * np.array([1.0, 1.0, 0.6])
    phases = rng.uniform(0, 2 * np.pi, (n, 3))
    distance = np.full(shape, np.inf)
    owner = np.zeros(shape, dtype=np.intp)
    for i, (cy, cx) in enumerate(centres):
        reach = int(np.ceil(REACH * radius[i] * stretch[i])) + 1
        window = (
            slice(max(cy - reach, 0), min(cy + reach + 1, shape[0])),
            slice(max(cx - reach, 0), min(cx + reach + 1, shape[1])),
        )
        grid_y, grid_x = np.ogrid[window]
        y = grid_y - cy + warp[0][window] - warp[0, cy, cx]
        x = grid_x - cx + warp[1][window] - warp[1, cy, cx]
        along = (np.cos(axes[i]) * x + np.sin(axes[i]) * y) / stretch[i]
        across = (np.cos(axes[i]) * y - np.sin(axes[i]) * x) * stretch[i]
        angle = np.arctan2(across, along)
        reach_here = 1 + sum(lobes[i, k] * np.cos((k + 2) * angle + phases[i, k]) for k in range(3))
        here = np.hypot(along, across) / (radius[i] * reach_here)
        wins = here < distance[window]
        distance[window][wins] = here[wins]
        owner[window][wins] = i + 1
    missing = np.isinf(distance)
    if missing.any():
        away, (y, x) = ndimage.distance_transform_edt(missing, return_indices=True)
        distance[missing] = REACH + away[missing] / diameter
        owner = owner[y, x]
    return distance, owner


def _warp(shape: tuple[int, int], diameter: float, rng: np.random.Generator) -> Floats:
    """Draw a displacement (2, Y, X) in px: broad bends and fine waves."""
    return np.stack(
        [
            0.10 * diameter * smooth_noise(shape, 0.7 * diameter, rng)
            + 0.025 * diameter * smooth_noise(shape, 0.2 * diameter, rng)
            for _ in range(2)
        ]
    )


def _one_piece(labels: Labels, centres: npt.NDArray[np.intp]) -> Labels:
    """Keep the piece of every cell around its centre; other pieces go to the cell beside them."""
    from skimage.measure import label

    for _ in range(2):
        pieces = label(labels, background=0, connectivity=1)
        kept = np.zeros(pieces.max() + 1, dtype=bool)
        kept[pieces[tuple(centres.T)]] = True
        stray = ~kept[pieces] & (labels > 0)
        if not stray.any():
            break
        y, x = ndimage.distance_transform_edt(
            stray | (labels == 0), return_distances=False, return_indices=True
        )
        labels = np.where(stray, np.where(kept[pieces], labels, 0)[y, x], labels).astype(np.uint32)
    pieces = label(labels, background=0, connectivity=1)
    kept = np.isin(pieces, pieces[tuple(centres.T)])
    return np.where(kept, labels, 0).astype(np.uint32)


def _nuclei(cells: Labels, axes: Floats, diameter: float, rng: np.random.Generator) -> Labels:
    """Draw one elliptic nucleus per cell, near its thickest part and never touching its boundary."""
    n = len(axes)
    depth = boundary_distance(cells)
    size = 0.23 * diameter * rng.lognormal(0, 0.12, n)
    stretch = np.sqrt(rng.uniform(1.0, 1.7, n))
    tilt = axes + rng.normal(0, 0.3, n)
    nuclei = np.zeros_like(cells)
    for i, window in enumerate(ndimage.find_objects(cells)):
        inside = cells[window] == i + 1
        room = np.where(inside, depth[window], 0)
        weight = room**3 + 1e-6 * inside
        y, x = np.ogrid[: inside.shape[0], : inside.shape[1]]
        cy, cx = (weight * y).sum() / weight.sum(), (weight * x).sum() / weight.sum()
        if not inside[round(cy), round(cx)]:  # a crescent's centre of mass is outside it
            cy, cx = np.unravel_index(np.argmax(room), room.shape)
        along = (np.cos(tilt[i]) * (x - cx) + np.sin(tilt[i]) * (y - cy)) / stretch[i]
        across = (np.cos(tilt[i]) * (y - cy) - np.sin(tilt[i]) * (x - cx)) * stretch[i]
        wanted = min(size[i], max(0.8 * room.max(), 1.0))
        nucleus = inside & (room >= min(1.5, room.max())) & (np.hypot(along, across) <= wanted)
        pieces, count = ndimage.label(nucleus)
        if count == 0:
            nucleus = room == room.max()
            pieces, _ = ndimage.label(nucleus)
        largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
        nuclei[window][pieces == largest] = i + 1
    return nuclei
