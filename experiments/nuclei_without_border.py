"""Nuclei between which a student draws no border: one cell, the watershed's own cut, or cells of their own?

    python experiments/nuclei_without_border.py --model FOLDER --kind HeLa --out FILE.jsonl [--fields hela_5,bmdm_u1]

The maps of one student, cut into cells in several ways: nuclei with hardly a dip between them joined to one cell (before
2026-11-27); every nucleus a seed of the watershed and nothing else; cells of several nuclei shared out between them; and
then also those of nuclei that another cell surrounds, for several values of `HARDLY_MORE`. One line per field and way:
share of the nuclei that have a cell of their own and, where there are labels, cell mIoU and mAP.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from real_fields import append_lines, parser
from self_training import KINDS, open_one

WAYS = ("joined", "seeds", "shared", "surrounded 1.25", "surrounded 1.5", "surrounded 2.0")


def changes_of(way: str) -> dict[str, Any]:
    """Return what a way puts in place of functions and constants of `frugalseg.instances.seeded_maps`."""
    if way.startswith("surrounded"):
        return {"HARDLY_MORE": float(way.split()[1])}
    changes: dict[str, Any] = {"HARDLY_MORE": 0.0}
    if way in ("joined", "seeds"):
        changes["_shared_out"] = lambda cells, *_: cells
    if way == "seeds":
        changes["_groups"] = lambda _distance, nuclei, _inside: nuclei.astype(np.uint32)
    return changes


def own_share(labels: Any, nuclei: Any) -> float:
    """Return the share of the nuclei that mostly lie in the cell of their number."""
    areas = np.bincount(nuclei.ravel())[1:]
    own = np.bincount(nuclei[labels == nuclei], minlength=len(areas) + 1)[1:]
    return round(float(np.mean(2 * own[areas > 0] > areas[areas > 0])), 3)


def remembered(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the maps of an image only once at each scale."""
    known: dict[Any, Any] = {}

    def maps(network: Any, planes: Any, scale: float, *rest: Any) -> Any:
        key = (planes.shape, round(scale, 6), *(one for one in rest if isinstance(one, int)))
        if key not in known:
            known[key] = compute(network, planes, scale, *rest)
        return known[key]

    return maps


def compare(data: Path, model: Any, kind: str, name: str) -> list[dict[str, Any]]:
    """Cut the cells of one field in every way."""
    from frugalseg import find_cues, score_labels
    from frugalseg.instances import seeded_maps
    from frugalseg.models import seeded_cells
    from frugalseg.models.marker_areas import marker_areas

    folder, channel, *_ = KINDS[kind]
    field = open_one(data, name, folder)
    cues = find_cues(field.planes([channel]), field.plane("nuclear"), name=name)
    truth, nuclei, rows = field.labels("cells") if field.has("cells") else None, marker_areas(cues), []
    with patch.object(seeded_cells, "oriented_maps", remembered(seeded_cells.oriented_maps)):
        for way in WAYS:
            with patch.multiple(seeded_maps, **changes_of(way)):
                labels = model.segment(cues).labels
            row = {"field": name, "way": way, "own": own_share(labels, nuclei)}
            if truth is not None:
                scores = score_labels(truth, labels)
                row |= {"scores": [round(scores.cell_miou, 4), round(scores.mAP, 4)]}
            rows.append(row)
    return rows


def main() -> None:
    """Compare on fields of one kind."""
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True)
    options.add_argument("--kind", default="HeLa", choices=tuple(KINDS))
    options.add_argument("--fields", default="")
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    from frugalseg import load_model

    model = load_model(given.model, "cpu")
    names = given.fields.split(",") if given.fields else (*KINDS[given.kind][2], *KINDS[given.kind][3])
    for name in names:
        rows = compare(given.data, model, given.kind, name)
        append_lines(given.out, rows)
        for row in rows:
            print(row, flush=True)


if __name__ == "__main__":
    main()
