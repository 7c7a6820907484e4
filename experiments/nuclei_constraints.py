"""Marker network with nuclei as points and as areas, in the loss and in merging.

    python experiments/nuclei_constraints.py --out FILE.jsonl [--data FOLDER] [--seeds 0] [--max-steps 600]
        [--fields hela_2 kc167_095 macrophagocyte_107] [--variants points areas]

Cues and settings as in `frugalseg segment --rounds 0`. A variant says what a network learns from; each network is used without
and with whole nuclei kept in their own cells. One line of JSON per run is appended to the file, and runs that are in it are not
done again; the table is printed. Half a minute per run with one thread and 600 steps.
"""

import time
from pathlib import Path
from typing import Any

from real_fields import append_lines, default_cues, open_field, parser, read_lines

FIELDS = ("hela_2", "kc167_095", "macrophagocyte_107")
VARIANTS: dict[str, dict[str, Any]] = {
    "points": {"nuclei": 0.0},
    "areas": {"nuclei": 1.0},
    "areas, weight 0.2": {"nuclei": 0.2},
    "areas, weight 5": {"nuclei": 5.0},
}


def execute(name: str, variant: str, seed: int, max_steps: int, data: Path) -> dict[str, Any]:
    """Train on one field, segment it without and with whole nuclei, and score both."""
    import numpy as np

    from frugalseg import score_labels
    from frugalseg.learning.from_markers.marker_settings import MarkerSettings
    from frugalseg.learning.from_markers.marker_training import learn_from_markers
    from frugalseg.models.marker_samples import marker_sample, segment_sample

    field = open_field(data, name)
    cues, truth = default_cues(field), field.labels("cells")
    usual = MarkerSettings.preset("default", max_steps, cues.modalities[0] == "label-free")
    sample, nuclei = marker_sample(cues), cues.markers.nuclei
    settings = usual.model_copy(update=VARIANTS[variant])
    start = time.monotonic()
    network, training = learn_from_markers([sample], settings, seed=seed, device="cpu")
    record = {"field": name, "variant": variant, "seed": seed, "most": max_steps, "steps": training.steps}
    record["seconds"] = round(time.monotonic() - start)
    for kept in (False, True):
        used = settings.model_copy(update={"keep_nuclei": kept})
        labels = segment_sample(network, cues, sample, used, "cpu")
        scores = score_labels(truth, labels, cues.markers.points)
        own = np.bincount(nuclei[labels == nuclei], minlength=len(cues.markers) + 1)[1:]
        whole = np.bincount(nuclei.ravel(), minlength=len(cues.markers) + 1)[1:]
        record["kept" if kept else "not kept"] = {
            "cell_miou": round(scores.cell_miou, 4),
            "mAP": round(scores.mAP, 4),
            "nuclei_inside": round(float(np.mean(2 * own >= whole)), 4),
            "pixels_inside": round(float(own.sum() / whole.sum()), 4),
        }
    return record


def main() -> None:
    """Run what is missing, then print everything in the file."""
    options = parser(__doc__)
    options.add_argument("--out", required=True, type=Path)
    options.add_argument("--fields", nargs="+", default=FIELDS)
    options.add_argument("--variants", nargs="+", default=("points", "areas"), choices=VARIANTS)
    options.add_argument("--seeds", nargs="+", type=int, default=[0])
    options.add_argument("--max-steps", type=int, default=600)
    given = options.parse_args()
    done = read_lines(given.out)
    complete = {(run["field"], run["variant"], run["seed"], run["most"]) for run in done}
    for seed in given.seeds:
        for name in given.fields:
            for variant in given.variants:
                if (name, variant, seed, given.max_steps) not in complete:
                    done.append(execute(name, variant, seed, given.max_steps, given.data))
                    append_lines(given.out, done[-1:])
    print("| field, seed | learned with | nuclei kept | mIoU / mAP | nuclei inside | their pixels inside |")
    print("|---|---|---|---|---|---|")
    for run in sorted(done, key=lambda run: (run["field"], run["seed"])):
        for kept in ("not kept", "kept"):
            one = run[kept]
            print(
                f"| {run['field']}, {run['seed']} | {run['variant']} | {kept} | {one['cell_miou']:.3f} / {one['mAP']:.3f} "
                f"| {one['nuclei_inside']:.3f} | {one['pixels_inside']:.3f} |"
            )


if __name__ == "__main__":
    main()
