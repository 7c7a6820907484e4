"""Peak memory and time of the tiled chain on one image of 20 000 x 20 000 px (uint16, 800 MB).

    python experiments/tiled_memory.py [--side 20000] [--work FOLDER]

Makes a tiled TIFF of procedural cells, then, in a process of its own with one thread: mean and standard deviation,
maps of a cheap network (Gaussian blur), labels (connected components of a threshold), ids, and the label map as a
TIFF. Prints one JSON line: seconds of each step, peak resident memory in GB (libraries included), number of cells
found and number drawn. Needs about 5 minutes and, for a while, 2.5 GB of disk.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402  # after the number of threads is set

SIDE, CELL = 512, 32
CORE, HALO, LARGEST = 1024, 32, 40


def make_image(path: Path, side: int) -> int:
    """Write the image; return the number of cells in it."""
    import tifffile

    rows, columns = np.indices((SIDE, SIDE))
    away = np.hypot(rows % CELL - CELL / 2, columns % CELL - CELL / 2)
    cells = 1000 + 20000 * np.maximum(0, 1 - (away / 12) ** 2)
    noise = np.random.default_rng(0).normal(0, 200, (4, SIDE, SIDE))
    pieces = [zlib.compress((cells + one).clip(0).astype("<u2").tobytes(), 1) for one in noise]
    count = -(-side // SIDE)

    def tiles() -> Iterator[bytes]:
        for index in range(count**2):
            yield pieces[index * 7 % 4]

    tifffile.imwrite(
        path, tiles(), shape=(side, side), dtype="uint16", tile=(SIDE, SIDE), compression="zlib",
        photometric="minisblack", resolution=(1e4 / 0.5, 1e4 / 0.5), resolutionunit="CENTIMETER",
    )  # fmt: skip
    # A cell at the lower or right border counts where its threshold's disk reaches into the image.
    return len([start for start in range(0, side, CELL) if start + CELL / 2 - 8 < side]) ** 2


def run_chain(path: Path, work: Path) -> dict[str, float]:
    """The chain, as a user's process would run it."""
    import torch
    from scipy import ndimage

    from frugalseg.images.read import read_image
    from frugalseg.images.tile_store import TileStore
    from frugalseg.images.tiles import Window, read_window, streamed_moments
    from frugalseg.instances.stitch import label_tiles, stitch_tiles, write_stitched
    from frugalseg.networks.object_net import predict_maps_whole
    from frugalseg.prediction.tiled import predict_tiles

    torch.set_num_threads(1)
    line = torch.exp(-0.5 * (torch.arange(-8.0, 9.0) / 2) ** 2)
    down = torch.nn.Conv2d(1, 1, (17, 1), padding=(8, 0), bias=False)
    across = torch.nn.Conv2d(1, 1, (1, 17), padding=(0, 8), bias=False)
    with torch.no_grad():
        down.weight[0, 0, :, 0] = across.weight[0, 0, 0] = line / line.sum()
    network = torch.nn.Sequential(down, across)
    image = read_image(path)
    seconds, start = {}, time.perf_counter()

    def lap(step: str) -> None:
        nonlocal start
        seconds[step], start = round(time.perf_counter() - start, 1), time.perf_counter()

    mean, sd = streamed_moments(lambda window: read_window(image.pixels, [0], window), image.shape)
    lap("moments")

    def read(window: Window) -> np.ndarray:
        planes = read_window(image.pixels, [0], window)
        return ((planes - mean[:, None, None]) / sd[:, None, None]).astype(np.float32)

    store = TileStore(work / "tiles", image.shape, CORE, {"experiment": "tiled memory"})
    predict_tiles(partial(predict_maps_whole, network), read, store, HALO)
    lap("maps")
    label_tiles(store, lambda maps: ndimage.label(maps[0] > 0.8)[0], LARGEST)
    lap("labels")
    stitched = stitch_tiles(store)
    lap("ids")
    write_stitched(work / "labels.tif", stitched, image.pixel_size)
    lap("file")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return {
        **seconds,
        "total": round(sum(seconds.values()), 1),
        "peak_gb": round(peak, 3),
        "cells": stitched.count,
    }


def main() -> None:
    """Make the image, run the chain in a child, print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=20000)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        print(json.dumps(run_chain(given.child / "image.tif", given.child)))
        return
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        drawn = make_image(Path(folder) / "image.tif", given.side)
        command = [sys.executable, __file__, "--child", folder]
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(json.dumps({"side": given.side, "drawn": drawn, **json.loads(ended.stdout)}))


if __name__ == "__main__":
    main()
