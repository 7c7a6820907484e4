"""Which grey values the classical methods should get: flattened as for the network, their root, or as they are.

    python experiments/baseline_pixels.py [--data FOLDER] [--out FILE.json]

Markers, foreground and scoring as in `frugalseg segment`, nothing is learned, so there are no seeds. For each set of
`segment_real_fields.py` the mean over fields of cell mIoU / mAP, per method and kind of grey values. About a minute per
two fields with one thread.
"""

import json
from pathlib import Path

from real_fields import FLUORESCENT, HELA, default_cues, open_field, parser

SETS = {"HeLa": HELA, **FLUORESCENT, "3T3": ("3t3_1",)}
KINDS = ("network's input", "root", "as they are")


def scores_of(data: Path, name: str) -> dict[str, dict[str, float]]:
    """Scores of one field: "method, kind" -> cell mIoU and mAP."""
    from frugalseg import score_labels
    from frugalseg.evaluation.baselines import BASELINES
    from frugalseg.models.marker_samples import marker_sample
    from frugalseg.models.seeded_image import cells_at_image_scale, seeded_image

    field = open_field(data, name)
    cues = default_cues(field)
    sample, truth = marker_sample(cues), field.labels("cells")
    seeds = seeded_image(cues).seeds
    images = dict(zip(KINDS, (sample.planes[0], sample.cost_image, sample.cost_image**2), strict=True))
    found = {}
    for method, segment in BASELINES.items():
        for kind, image in images.items():
            small = segment(image, seeds, sample.foreground)
            scores = score_labels(truth, cells_at_image_scale(small, cues))
            found[f"{method}, {kind}"] = {"cell_miou": scores.cell_miou, "mAP": scores.mAP}
            if method == "voronoi":  # uses no image
                break
    return found


def main() -> None:
    """Score every field, print the table of means."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path)
    given = options.parse_args()
    means: dict[str, dict[str, str]] = {}
    everything = {}
    for kind, fields in SETS.items():
        found = [scores_of(given.data, name) for name in fields]
        everything[kind] = dict(zip(fields, found, strict=True))
        for row in found[0]:
            miou, ap = (sum(one[row][score] for one in found) / len(found) for score in ("cell_miou", "mAP"))
            means.setdefault(row, {})[kind] = f"{miou:.3f} / {ap:.3f}"
    if given.out is not None:
        given.out.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    print("| method, grey values | " + " | ".join(SETS) + " |\n|" + "---|" * (len(SETS) + 1))
    for row, texts in means.items():
        print(f"| {row} | " + " | ".join(texts.values()) + " |")


if __name__ == "__main__":
    main()
