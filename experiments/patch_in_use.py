"""How wide a patch should be in prediction: train a marker network once per field, segment with several margins.

    python experiments/patch_in_use.py --out FILE.jsonl --fields kc167_096 hela_2 [--margins 0 8 16 32] [--data FOLDER] [--seed 0]

One line of JSON per field and margin is appended to the file, fields that are in it are not done again; the table is
printed. One process of one thread, 2 to 6 minutes per field.
"""

from pathlib import Path
from typing import Any

from real_fields import append_lines, default_cues, open_field, parser, read_lines

SCORES = ("cell_miou", "mAP", "foreground_iou")


def execute(name: str, margins: list[int], seed: int, data: Path) -> list[dict[str, Any]]:
    """Train on one field, segment it with each margin, score."""
    from frugalseg import MarkerModel, score_labels

    field = open_field(data, name)
    cues, truth = default_cues(field), field.labels("cells")
    model = MarkerModel.fit_to_cues([cues], seed=seed, device="cpu")
    trained, found = model.settings, []
    for margin in margins:
        model.settings = trained.model_copy(update={"margin": margin})
        scores = score_labels(truth, model.segment(cues))
        values = {score: round(getattr(scores, score), 4) for score in SCORES}
        found.append({"field": name, "seed": seed, "margin": margin, **values})
    return found


def main() -> None:
    """Run what is missing, then print everything in the file."""
    options = parser(__doc__)
    options.add_argument("--out", required=True, type=Path)
    options.add_argument("--fields", nargs="+", required=True)
    options.add_argument("--margins", type=int, nargs="+", default=[0, 8, 16, 32])
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    complete = {(one["field"], one["seed"]) for one in read_lines(given.out)}
    for field in given.fields:
        if (field, given.seed) not in complete:
            append_lines(given.out, execute(field, given.margins, given.seed, given.data))
    for one in read_lines(given.out):
        print(f"{one['field']}, margin {one['margin']}: {one['cell_miou']:.3f} / {one['mAP']:.3f}")


if __name__ == "__main__":
    main()
