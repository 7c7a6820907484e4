"""Peak memory and time of `frugalseg predict` on one field of 20 000 x 20 000 px (uint16, 800 MB).

    python experiments/predict_large_field.py [--side 20000] [--minutes 15] [--threads 1] [--work FOLDER]

Makes a tiled TIFF of procedural cells, 100 px wide, and a cell model (encoder "small", scale 0.25) that was trained for
some seconds on a piece of it; then `frugalseg predict` runs in a process of its own. Prints one JSON line: seconds,
peak resident memory in GB (libraries included), cells found and drawn. When the minutes are over the child gets a
Ctrl-C, and what was reached by then is printed; the peak is known by then, as all tiles of a step need the same. Needs
about 2 GB of disk for a while.
"""

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

TILE, CELL, RADIUS = 640, 128, 50
SCALE, STEPS = 0.25, 60
# A shell that starts this in the background lets its children ignore Ctrl-C.
CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from frugalseg.cli import main
main(sys.argv[1:])
"""


def tile_of_cells(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Image (y, x) uint16 and labels of one tile: 5 x 5 cells, some of which nearly touch."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((TILE, TILE))
    image, labels = rng.normal(1000, 150, (TILE, TILE)), np.zeros((TILE, TILE), np.int32)
    for number, (y, x) in enumerate(np.ndindex(TILE // CELL, TILE // CELL), start=1):
        centre = rng.uniform(CELL / 2 - 10, CELL / 2 + 10, 2) + CELL * np.array([y, x])
        away = np.hypot(rows - centre[0], columns - centre[1])
        image += 12000 * np.maximum(0, 1 - (away / RADIUS) ** 2)
        labels[(away < RADIUS) & (labels == 0)] = number
    return image.clip(0).astype("<u2"), labels


def make_image(path: Path, side: int) -> int:
    """Write the image; return the number of cells in it."""
    import tifffile

    pieces = [zlib.compress(tile_of_cells(seed)[0].tobytes(), 1) for seed in range(4)]
    count = -(-side // TILE)

    def tiles() -> Iterator[bytes]:
        for index in range(count**2):
            yield pieces[index * 7 % 4]

    tifffile.imwrite(
        path, tiles(), shape=(side, side), dtype="uint16", tile=(TILE, TILE), compression="zlib",
        photometric="minisblack",
    )  # fmt: skip
    return len(range(0, side - CELL // 4, CELL)) ** 2


def make_model(folder: Path) -> None:
    """Save a cell model that has seen a few tiles for some seconds."""
    from frugalseg import ObjectModel

    images, labels = zip(*(tile_of_cells(seed) for seed in range(4)), strict=True)
    model = ObjectModel.fit(
        images, labels, scale=SCALE, hold_out=False, crop=round(TILE * SCALE), batch=4, max_steps=STEPS, device="cpu"
    )  # fmt: skip
    model.save(folder)


def run(folder: Path, minutes: float, threads: int) -> dict[str, object]:
    """Predict in a child; its time, memory and result."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    start = time.monotonic()
    command = ["predict", str(folder / "model"), str(folder / "image.tif"), "-o", str(folder / "out")]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *command],
        env=environment,
        stdout=sys.stderr,
    )
    try:
        child.wait(timeout=60 * minutes)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGINT)
        child.wait()
    tiles = {
        kind: len(list((folder / "out").glob(f".*.tiles/{kind}/{kind}_*"))) for kind in ("maps", "labels")
    }
    record = folder / "out/image_record.json"
    found = json.loads(record.read_text())["n_cells"] if record.exists() else None
    return {
        "seconds": round(time.monotonic() - start),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9, 3),
        "exit": child.returncode,
        "cells": found,
        "tiles_left": tiles,
    }


def main() -> None:
    """Make the image and the model, predict, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=20000)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        drawn = make_image(Path(folder) / "image.tif", given.side)
        # In a process of its own, so that the peak is that of predicting alone.
        maker = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import predict_large_field as p; "
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"{maker}from pathlib import Path; p.make_model(Path({folder!r}) / 'model')",
            ],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": str(given.threads)},
        )
        making = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
        figures = run(Path(folder), given.minutes, given.threads)
        print(json.dumps({"side": given.side, "drawn": drawn, "making_gb": round(making, 3), **figures}))


if __name__ == "__main__":
    main()
