"""Cues from areas of nuclei, against those from points, on every set of real fields: foreground, size, classical cells.

    python experiments/foreground_sets.py [--data FOLDER] [--out FILE.json]

Default settings; nothing is learned and nothing is random, so there are no seeds. Per set the mean over fields of IoU of
the foreground, of estimated / true diameter (of the median cell), of cell mIoU / mAP of propagation and of the teacher's
cells, and the least share of nuclei that lie inside their own cell of the teacher by 98 % (label-free sets first; the last
two have no truth). About four minutes with one thread.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from real_fields import FLUORESCENT, HELA, parser

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from frugalseg import ImageCues

#: Name -> folder, channel of whole cells, fields.
SETS = {
    "HeLa": ("phase_nuclear", "phase", HELA),
    "MCF10A": ("phase_nuclear", "phase", ("mcf10a_s1",)),
    "3T3": ("phase_nuclear", "phase", ("3t3_1", "3t3_2")),
    "RAW": ("phase_fluo_raw", "phase", ("raw_1", "raw_3")),
    "RAW cyto": ("phase_fluo_raw", "cyto", ("raw_1", "raw_3")),
    **{kind: ("fluo_two_channel", "cyto", names) for kind, names in FLUORESCENT.items()},
    "BMDM": ("phase_nuclear", "phase", ("bmdm_u1", "bmdm_u2")),
    "human": ("cellprofiler_human", "cyto", ("human_D03",)),
}
COLUMNS = (
    "set",
    "IoU points",
    "IoU areas",
    "size points",
    "size areas",
    "propagation points",
    "propagation areas",
    "teacher",
    "own nucleus",
    "diameter, px",
)


def share_inside_own_cell(cells: "NDArray[np.uint32]", nuclei: "NDArray[np.int32]") -> float:
    """Return the share of nuclei of which 98 % of the pixels lie in the cell of the same number."""
    inside = nuclei > 0
    own = np.bincount(nuclei[inside], weights=(cells == nuclei)[inside])
    return float(np.mean(own[1:] >= 0.98 * np.bincount(nuclei[inside])[1:]))


def scores_of(cues: "ImageCues", truth: "NDArray[np.int32]") -> dict[str, float]:
    """Return IoU of the foreground, estimated / true diameter, and mIoU and mAP of propagation."""
    from frugalseg.models.baseline_scores import score_baselines

    area = np.bincount(truth.ravel())[1:]
    true = np.median(np.sqrt(4 / np.pi * area[area > 0]))
    mask, cells = cues.foreground.mask, truth > 0
    propagation = score_baselines(truth, cues)["propagation"]
    return {
        "IoU": float((mask & cells).sum() / (mask | cells).sum()),
        "size": float(cues.diameter / true),
        "mIoU": propagation.cell_miou,
        "mAP": propagation.mAP,
    }


def measure(data: Path, folder: str, channel: str, name: str) -> dict[str, dict[str, float]]:
    """Return all numbers of one field, from areas and from points."""
    from frugalseg import find_cues, markers_from_points, open_fields, score_labels
    from frugalseg.models.teacher_cells import teacher_cells

    field = open_fields([data / folder / "fields.csv"], where=[f"field={name}"])[0]
    planes = field.planes([channel])
    cues = find_cues(planes, field.plane("nuclear"), name=name)
    labels, nuclei = teacher_cells(cues), cues.markers.nuclei
    assert nuclei is not None
    found = {"teacher": {"own": share_inside_own_cell(labels, nuclei), "diameter": cues.diameter}}
    if field.has("cells"):
        truth = field.labels("cells")
        points = markers_from_points(cues.markers.points, cues.markers.diameter)
        teacher = score_labels(truth, labels, cues.markers.points)
        found["teacher"] |= {"mIoU": teacher.cell_miou, "mAP": teacher.mAP}
        found["areas"] = scores_of(cues, truth)
        found["points"] = scores_of(find_cues(planes, markers=points, name=name), truth)
    return found


def row_of(kind: str, fields: list[dict[str, dict[str, float]]]) -> list[str]:
    """Return the cells of the table for one set."""

    def mean(of: str, key: str) -> float:
        return float(np.mean([one[of][key] for one in fields]))

    own = f"{min(one['teacher']['own'] for one in fields):.3f}"
    size = ", ".join(f"{one['teacher']['diameter']:.0f}" for one in fields)
    if "areas" not in fields[0]:
        return [kind, *[""] * (len(COLUMNS) - 3), own, size]
    ratios = [f"{mean(of, key):.3f}" for key in ("IoU", "size") for of in ("points", "areas")]
    cells = [f"{mean(of, 'mIoU'):.3f} / {mean(of, 'mAP'):.3f}" for of in ("points", "areas", "teacher")]
    return [kind, *ratios, *cells, own, size]


def main() -> None:
    """Print one line per set as soon as it is done."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    everything = {}
    for kind, (folder, channel, names) in SETS.items():
        fields = [measure(given.data, folder, channel, name) for name in names]
        everything[kind] = dict(zip(names, fields, strict=True))
        print("| " + " | ".join(row_of(kind, fields)) + " |", flush=True)
    if given.out is not None:
        given.out.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
