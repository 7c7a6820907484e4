"""How high a peak of the distance map must be: h of the instances, on true masks of nuclei and on predicted cells.

    python experiments/heights.py --out FOLDER [--data FOLDER]

- nuclei: the true masks of brightfield_nuclear and of hela_1 are cut into instances again; mAP says what the cut costs.
- cells: every model of cells of `few_labels.py` in FOLDER, on hela_5, is cut with each h. Nothing is trained.
"""

from pathlib import Path

import numpy as np
import tifffile
from paper_a_runs import arguments, mean_text, rows_of

HEIGHTS = (5, 10, 15, 20, 25, 30, 40)
SURE = 4.0  # logit of a pixel of the mask


def of_true_masks(path: Path) -> list[float]:
    """The mAP of a label map's own mask, cut with each h."""
    from frugalseg import score_labels
    from frugalseg.instances.map_labels import labels_from_maps

    labels = tifffile.imread(path).astype(np.int32)
    mask = np.where(labels > 0, SURE, -SURE).astype(np.float32)[None]
    return [score_labels(labels, labels_from_maps(mask, "nuclei", h)).mAP for h in HEIGHTS]


def of_model(model: Path, data: Path) -> list[float]:
    """The mAP of a model's cells on hela_5 with each h."""
    from frugalseg import ObjectModel, score_labels
    from frugalseg.instances.map_labels import labels_from_maps

    image = tifffile.imread(data / "phase_nuclear" / "hela_5_phase.tif")
    maps = ObjectModel.load(model, "cpu").find_objects(image).maps
    labels = tifffile.imread(data / "phase_nuclear" / "hela_5_cells.tif").astype(np.int32)
    return [score_labels(labels, labels_from_maps(maps, "cells", h)).mAP for h in HEIGHTS]


def main() -> None:
    """Print both tables."""
    given = arguments(__doc__)
    head = f"| {' | '.join(f'h = {h}' for h in HEIGHTS)} |\n|{'---|' * (len(HEIGHTS) + 1)}"
    folder = given.data / "brightfield_nuclear"
    paths = [folder / row["nuclei"] for row in rows_of(folder / "fields.csv")]
    scores = np.array([of_true_masks(path) for path in paths])
    print(f"| true masks of nuclei, mAP {head}")
    for path, one in zip(paths, scores, strict=True):
        print(f"| {path.stem} | {' | '.join(f'{v:.3f}' for v in one)} |")
    print(f"| mean of {len(paths)} | {' | '.join(f'{v:.3f}' for v in scores.mean(axis=0))} |")
    hela = of_true_masks(given.data / "phase_nuclear" / "hela_1_nuclei.tif")
    print(f"| hela_1 | {' | '.join(f'{v:.3f}' for v in hela)} |\n")
    models = [path.parent for path in sorted(given.out.glob("cells_*/card.yaml"))]
    found = {model.name: of_model(model, given.data) for model in models}
    print(f"| cells of hela_5, mAP, mean and 95 % interval {head}")
    for group in dict.fromkeys(name.rsplit("_", 1)[0] for name in found):
        values = np.array([one for name, one in found.items() if name.rsplit("_", 1)[0] == group])
        print(f"| {group} | {' | '.join(mean_text(list(column)) for column in values.T)} |")


if __name__ == "__main__":
    main()
