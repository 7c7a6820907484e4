"""Instances from a distance map: our h-maxima and watershed against scikit-image's, in one process.

    python experiments/watershed_speed.py [--size 2160] [--cells 2000] [--repeat 3] [--json FILE]

Discs of random radius, some of them touching, as a map in per cent of each one's own radius with a little smooth
noise. Prints the seconds of both (the best of so many repeats, one thread, compilation left out and given
separately), their ratio, and whether the cells are the same; then the same for a serpentine ridge.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import h_maxima as skimage_h_maxima
from skimage.segmentation import watershed as skimage_watershed

H = 10.0


def discs(size: int, cells: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Map (Y, X) in per cent and mask of so many discs."""
    rng = np.random.default_rng(seed)
    pitch = size / np.sqrt(cells)
    rows = int(np.sqrt(cells))
    columns = -(-cells // rows)
    distance = np.zeros((size, size))
    for k in range(cells):
        y, x = (divmod(k, columns) + rng.uniform(0.35, 0.65, 2)) * (size / rows, size / columns)
        radius = pitch * rng.uniform(0.3, 0.55)
        top, left = max(int(y - radius), 0), max(int(x - radius), 0)
        window = distance[top : int(y + radius) + 2, left : int(x + radius) + 2]
        rows_of, columns_of = np.ogrid[top : top + window.shape[0], left : left + window.shape[1]]
        np.maximum(window, 100 * (1 - np.hypot(rows_of - y, columns_of - x) / radius), out=window)
    mask = distance > 0
    noise = ndimage.gaussian_filter(rng.standard_normal((size, size)), 2)
    return np.where(mask, distance + 3 * noise / noise.std(), 0.0).clip(0), mask


def confluent(size: int, cells: int, seed: int = 0) -> NDArray[np.float64]:
    """Map (Y, X) in per cent of so many cells that fill the image (Voronoi), with a little smooth noise."""
    from frugalseg.instances.maps import distance_target

    rng = np.random.default_rng(seed)
    centres = np.zeros((size, size), np.int32)
    centres[tuple(rng.integers(0, size, (2, cells)))] = np.arange(1, cells + 1)
    nearest = ndimage.distance_transform_edt(centres == 0, return_distances=False, return_indices=True)
    noise = ndimage.gaussian_filter(rng.standard_normal((size, size)), 2)
    return (distance_target(centres[tuple(nearest)]) + 3 * noise / noise.std()).clip(0)


def serpentine(size: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A ridge that goes to and fro over the whole image, falling all the way, with a dip below its second top."""
    inside = np.zeros((size, size), dtype=bool)
    inside[::2] = True
    inside[1::4, -1] = inside[3::4, 0] = True
    row, column = np.nonzero(inside)
    forward = np.where(row % 4 == 0, column, size - 1 - column)
    along = np.where(row % 2 == 0, row // 2 * (size + 1) + forward, row // 2 * (size + 1) + size)
    heights = np.zeros((size, size))
    heights[inside] = 100 - 95 * along / along.max()
    return heights, inside


def best_time(run: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Seconds of the fastest of so many runs, and what it returned."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def compare(
    name: str, heights: NDArray[np.float64], mask: NDArray[np.bool_], repeat: int
) -> dict[str, float | str | int | bool]:
    """Times of both on one map."""
    from frugalseg.instances.watershed import h_maxima, watershed

    ours, cells = best_time(lambda: watershed(heights, h_maxima(heights, H), mask), repeat)
    theirs, expected = best_time(
        lambda: skimage_watershed(-heights, label(skimage_h_maxima(heights, H)), mask=mask), repeat
    )
    pairs = len(np.unique(np.stack([cells.ravel(), expected.ravel()]), axis=1).T)
    same = pairs == len(np.unique(cells)) == len(np.unique(expected))
    return {
        "map": name,
        "pixels": heights.size,
        "cells": int(cells.max()),
        "ours_s": round(ours, 4),
        "skimage_s": round(theirs, 3),
        "ratio": round(theirs / ours, 1),
        "same_cells": bool(same),
    }


def main() -> None:
    """Time both maps and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=2160)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    from frugalseg.instances.watershed import h_maxima, watershed

    start = time.perf_counter()
    tiny = np.array([[0.0, 50.0, 0.0, 60.0]])
    watershed(tiny, h_maxima(tiny, H))
    print(f"first call (compiled, or read from the cache): {time.perf_counter() - start:.1f} s")
    heights, mask = discs(arguments.size, arguments.cells)
    rows = [
        compare("discs", heights, mask, arguments.repeat),
        compare("discs, flooded without a mask", heights, np.ones_like(mask), arguments.repeat),
        compare(
            "confluent", confluent(arguments.size, arguments.cells), np.ones_like(mask), arguments.repeat
        ),
        compare("serpentine ridge", *serpentine(361), 1),
    ]
    for row in rows:
        print(
            f"{row['map']}: {row['cells']} cells on {row['pixels']} px, ours {row['ours_s']} s, "
            f"scikit-image {row['skimage_s']} s, ratio {row['ratio']}, same cells: {row['same_cells']}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
