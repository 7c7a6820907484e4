"""Which grey values the classical methods should get: flattened as for the network, their root, or as they are.

    python experiments/baseline_pixels.py [--data FOLDER] [--out FILE.json]

Markers, foreground and scoring as in `frugalseg segment`, nothing is learned, so there are no seeds. For each set of
`segment_real_fields.py` the mean over fields of cell mIoU / mAP, per method and kind of grey values. About a minute per
two fields with one thread.
"""

import argparse
import json
import os
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

from segment_real_fields import FLUORESCENT, HELA  # noqa: E402

SETS = {
    "HeLa": ("phase_nuclear", "phase", HELA),
    **{kind: ("fluo_two_channel", "cyto", fields) for kind, fields in FLUORESCENT.items()},
    "3T3": ("phase_nuclear", "phase", ("3t3_1",)),
}
KINDS = ("network's input", "root", "as they are")


def scores_of(folder: Path, channel: str, name: str) -> dict[str, dict[str, float]]:
    """Scores of one field: "method, kind" -> cell mIoU and mAP."""
    from frugalseg.evaluation.baselines import BASELINES
    from frugalseg.evaluation.scores import score_labels
    from frugalseg.images.fields import open_fields
    from frugalseg.images.resize import resize_labels
    from frugalseg.instances.clean import clean_labels
    from frugalseg.models.image_cues import find_cues
    from frugalseg.models.marker_samples import marker_sample

    field = open_fields([folder / "fields.csv"], where=[f"field={name}"])[0]
    cues = find_cues(field.plane(channel), field.plane("nuclear"), name=name)
    sample, truth = marker_sample(cues), field.labels("cells")
    points = cues.markers.points
    images = dict(zip(KINDS, (sample.planes[0], sample.cost_image, sample.cost_image**2), strict=True))
    found = {}
    for method, cut in BASELINES.items():
        for kind, image in images.items():
            small = cut(image, sample.points, sample.foreground)
            scores = score_labels(truth, clean_labels(resize_labels(small, cues.shape), points))
            found[f"{method}, {kind}"] = {"cell_miou": scores.cell_miou, "mAP": scores.mAP}
            if method == "voronoi":  # looks at no image
                break
    return found


def main() -> None:
    """Score every field, print the table of means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = Path(__file__).resolve().parent.parent
    data = os.environ.get("FRUGALSEG_DATA", str(root.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(data))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    means: dict[str, dict[str, str]] = {}
    everything = {}
    for kind, (folder, channel, fields) in SETS.items():
        found = [scores_of(given.data / folder, channel, name) for name in fields]
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
