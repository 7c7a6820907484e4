"""Should the cues decide on foreground where a student is not sure, on images whose nuclei are known?

    python experiments/foreground_by_cues.py --model FOLDER --kind "HeLa unseen" --out FILE.jsonl

The student's mask is changed before its cells are cut, in several ways: the cues decide where the orientations of the image
do not all say the same; they take away, but do not add, there; or they take away everywhere. One line per field and
way: cell mIoU, mAP and foreground IoU.
"""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from real_fields import append_lines, parser
from self_training import KINDS, open_one, three_scores

WAYS = ("as it is", "unsure", "unsure, less only", "everywhere, less only")


def decided(maps: list[Any], mean: Any, foreground: Any, way: str) -> Any:
    """Return the mean map with its mask changed in one way."""
    from frugalseg.images.resize import resize_labels
    from frugalseg.models.own_sample import unanimous
    from frugalseg.networks.heads import MASK

    inside = resize_labels(foreground, mean.shape[1:])
    where = np.ones_like(inside) if way.startswith("everywhere") else ~unanimous(maps)
    if way.endswith("less only"):
        where &= ~inside
    changed = mean.copy()
    changed[MASK] = np.where(where, np.where(inside, 1e-3, -1e-3), mean[MASK])
    return changed


def compare(data: Path, model: Any, kind: str, name: str) -> list[dict[str, Any]]:
    """Cut the cells of one field in every way."""
    from frugalseg import find_cues, score_labels
    from frugalseg.models import seeded_cells
    from frugalseg.prediction.whole_image import mean_maps

    folder, channel, *_ = KINDS[kind]
    field = open_one(data, name, folder)
    if not field.has("cells"):
        return []
    cues = find_cues(field.planes([channel]), field.plane("nuclear"), name=name)
    truth, rows = field.labels("cells"), []
    for way in WAYS:

        def mean(maps: Any, way: str = way) -> Any:
            found = mean_maps(maps)
            return found if way == "as it is" else decided(maps, found, cues.foreground.mask, way)

        with patch.object(seeded_cells, "mean_maps", mean):
            scores = score_labels(truth, model.segment(cues).labels)
        rows.append({"field": name, "way": way, "scores": three_scores(scores)})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Compare on all fields of one kind."""
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True)
    options.add_argument("--kind", default="HeLa unseen", choices=tuple(KINDS))
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    from frugalseg import load_model

    model = load_model(given.model, "cpu")
    for name in (*KINDS[given.kind][2], *KINDS[given.kind][3]):
        append_lines(given.out, compare(given.data, model, given.kind, name))


if __name__ == "__main__":
    main()
