"""Light that is brighter on one side, or in the middle: what does it cost, and what is it worth to take it away?

    python experiments/uneven_light.py --out FILE.jsonl --students FOLDER [--seeds 0]

Labelled fields of four lines in phase contrast, each under four lights: as it is, a ramp from 0.85 to 1.15 and from 0.7 to 1.3 across the image, and a vignette whose
darkest corner has about a third of the light. Grey values and nuclear stain are multiplied by the light. One line per light and field: foreground (IoU), and cells
grown from the nuclei, of cues in even light and of cues as before; and cells by students of HeLa (trained and kept in FOLDER, as by
adapted_norms.py), without nuclei, in even light and not. Results of earlier calls are kept.

Printed: means over fields that a student did not learn from, for each light.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from adapted_norms import LABEL_FREE, LEARNED, student
from real_fields import append_lines, parser, read_lines
from self_training import open_one

if TYPE_CHECKING:
    from frugalseg import ObjectModel


def lights(shape: tuple[int, int]) -> dict[str, Any]:
    """Return the lights on an image by their names."""
    y, x = (np.linspace(0, 1, side, dtype=np.float32) for side in shape)
    away = (y[:, None] - 0.5) ** 2 + (x[None] - 0.4) ** 2
    ramps = {f"ramp, {1 + by:.2f} to {1 - by:.2f}": 1 + by * (2 * x[None] - 1) for by in (0.15, 0.3)}
    return {"as it is": np.ones((1, 1), np.float32), **ramps, "vignette": (1 + 1.2 * away) ** -2}


@contextmanager
def before(even: bool) -> Iterator[None]:
    """Leave the light of cues as it is, unless it is to be even."""
    from frugalseg.images import normalize

    now = normalize.even_light
    if not even:
        normalize.even_light = lambda plane, _: plane
    try:
        yield
    finally:
        normalize.even_light = now


def of_cues(planes: Any, stain: Any, truth: Any, even: bool) -> dict[str, float]:
    """Return the IoU of the foreground, and the score of cells grown from nuclei."""
    from frugalseg import find_cues, score_labels
    from frugalseg.models.teacher_cells import teacher_cells

    with before(even):
        cues = find_cues(planes, stain)
        grown = score_labels(truth, teacher_cells(cues))
    cell, found = truth > 0, cues.foreground.mask
    iou = np.count_nonzero(cell & found) / np.count_nonzero((cell | found) & (truth >= 0))
    return {"foreground": round(iou, 4), "miou": round(grown.cell_miou, 4), "mAP": round(grown.mAP, 4)}


def of_student(model: "ObjectModel", planes: Any, truth: Any, even: bool) -> dict[str, float]:
    """Return the score of a student's cells."""
    from frugalseg import score_labels

    how = ("even" if even else "zscore",)
    model.card = model.card.model_copy(update={"normalization": how})
    found = score_labels(truth, model.predict(planes))
    return {"miou": round(found.cell_miou, 4), "mAP": round(found.mAP, 4)}


def main() -> None:
    """Score what is missing, and print the means."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--students", type=Path, required=True)
    options.add_argument("--seeds", default="0")
    given = options.parse_args()
    rows = read_lines(given.out)
    known = {(row["image"], row["light"], row["seed"]) for row in rows}
    for seed in map(int, given.seeds.split(",")):
        model = student(given.students, given.data, "HeLa", seed)
        for name in LABEL_FREE:
            one = open_one(given.data, name, "phase_nuclear")
            planes, stain, truth = one.planes(["phase"]), one.plane("nuclear"), one.labels("cells")
            for light, factor in lights(one.shape).items():
                if (name, light, seed) in known:
                    continue
                row = {"image": name, "light": light, "seed": seed, "learned": name in LEARNED["HeLa"]}
                for word, even in (("even", True), ("before", False)):
                    row[f"cues, {word}"] = of_cues(planes * factor, stain * factor, truth, even)
                    row[f"student, {word}"] = of_student(model, planes * factor, truth, even)
                rows.append(row)
                append_lines(given.out, [row])
    for light in dict.fromkeys(row["light"] for row in rows):
        here = [row for row in rows if row["light"] == light and not row["learned"]]
        for what in ("cues, before", "cues, even", "student, before", "student, even"):
            means = {key: round(float(np.mean([row[what][key] for row in here])), 3) for key in here[0][what]}
            print(f"{light}: {what}: {means} (n = {len(here)})")


if __name__ == "__main__":
    main()
