"""The foreground of label-free fields with few cells, with nothing but cells, and with false markers.

    python experiments/foreground_density.py [--data FOLDER]

IoU with the true mask, nothing is learned, a minute. Synthetic fields of 512 x 512 px and cells of 30 px, mean of two
seeds; then the real fields of phase_nuclear as they are and with 10, 20 and 30 % more markers, thrown on background.
"""

from pathlib import Path

import numpy as np
from real_fields import default_cues, parser

from frugalseg import find_foreground, make_cells, open_fields

CHANNELS = ("phase", "brightfield", "cytoplasm")
KINDS = (*({"n_cells": n} for n in (2, 4, 8, 20, 60, 150)), *({"density": d} for d in (0.6, 0.9, 0.97, 1.0)))
FALSE = (0.0, 0.1, 0.2, 0.3)


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union."""
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


def synthetic() -> None:
    """One line per density."""
    print("| field | " + " | ".join(CHANNELS) + " |\n|---|" + "---|" * len(CHANNELS))
    for kind in KINDS:
        values = []
        for seed in (1, 2):
            field = make_cells((512, 512), seed=seed, dim_nuclei=0.0, **kind)
            truth = field.cells > 0
            masks = [find_foreground(field.planes([channel]), field.markers, 30).mask for channel in CHANNELS]
            values.append([iou(mask, truth) for mask in masks])
        name = ", ".join(f"{key} {value}" for key, value in kind.items())
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in np.mean(values, axis=0)) + " |")


def real(data: Path) -> None:
    """One line per field, one column per share of false markers."""
    print(
        "\n| field | "
        + " | ".join(f"{share:.0%} false" for share in FALSE)
        + " |\n|---|"
        + "---|" * len(FALSE)
    )
    for field in open_fields([data / "phase_nuclear" / "fields.csv"]):
        truth = field.labels("cells") if field.has("cells") else None
        if truth is None:
            continue
        cues = default_cues(field)
        background, random = np.argwhere(truth == 0), np.random.default_rng(0)
        values = []
        for share in FALSE:
            thrown = background[random.integers(len(background), size=round(share * len(cues.markers)))]
            points = np.concatenate([cues.markers.points, thrown])
            values.append(iou(find_foreground(cues.planes, points, cues.diameter).mask, truth > 0))
        print(f"| {field.name} | " + " | ".join(f"{value:.3f}" for value in values) + " |", flush=True)


def main() -> None:
    """Both tables."""
    given = parser(__doc__).parse_args()
    synthetic()
    real(given.data)


if __name__ == "__main__":
    main()
