"""A student as the start for cells of the other contrast, dark for bright: does it help that it sees them inverted?

    python experiments/start_of_other_contrast.py --out FILE.jsonl --students FOLDER [--kinds MCF10A,3T3,T98G] [--seed 0]

The start is the HeLa student of adapted_norms.py (kept in FOLDER). Arms: "as it is": it sees every image as it lies, as before decision 26; "by itself": it inverts what it is surer of so.
MCF10A, 3T3: the start's first convolutions are inverted, so it is a student of inverted HeLa cells, and a student of these lines learns from it (`segment --start`); cell mIoU and mAP without nuclei and
with them. T98G, dark where HeLa are bright and without nuclei: it is tuned to one outlined field (`learn labels --start`), three times another, and scored on four more; and so are ImageNet weights, 200 steps.
One line per training and field; what is in the file is not run again. About an hour with one thread.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from adapted_norms import student
from real_fields import append_lines, parser, read_lines
from self_training import KINDS, open_one

if TYPE_CHECKING:
    from frugalseg import ObjectModel

OUTLINED, TESTED = ("t98g_01", "t98g_13", "t98g_25"), ("t98g_07", "t98g_31", "t98g_46", "t98g_48")
ARMS = {"MCF10A": ("as it is", "by itself"), "3T3": ("as it is", "by itself")}
ARMS |= {f"T98G {field}": ("as it is", "by itself", "ImageNet") for field in OUTLINED}


def start_of(folder: Path, data: Path, seed: int, arm: str, inverted: bool) -> "ObjectModel":
    """Return the HeLa student, or one of inverted HeLa cells; without the usual confidence it is never in doubt."""
    from frugalseg.networks.inverted_input import invert_input

    model = student(folder, data, "HeLa", seed)
    if inverted:
        invert_input(model.network, [True])  # type: ignore[arg-type]
    if arm == "as it is":
        model.card = model.card.model_copy(update={"usual_confidence": None})
    return model


def learned_from_it(data: Path, kind: str, start: "ObjectModel", seed: int) -> Iterator[dict[str, Any]]:
    """Train a student of a line from a start, and score it on the labelled fields that it learned from."""
    from frugalseg import find_cues, score_labels
    from frugalseg.models.self_training import self_train_on_cues

    folder, channel, names, _ = KINDS[kind]
    fields = {name: open_one(data, name, folder) for name in names}
    cues = [find_cues(one.planes([channel]), one.plane("nuclear"), name=name) for name, one in fields.items()]
    model = self_train_on_cues(cues, start=start, seed=seed, device="cpu")
    for one in cues:
        if fields[one.name].has("cells"):
            truth = fields[one.name].labels("cells")
            found = {"plain": model.predict(one.planes), "nuclei": model.segment(one).labels}
            scores = {way: score_labels(truth, labels) for way, labels in found.items()}
            both = {way: [round(of.cell_miou, 4), round(of.mAP, 4)] for way, of in scores.items()}
            yield {"field": one.name, "started": model.card.started_from, **both}


def tuned_to(data: Path, outlined: str, start: "ObjectModel | None", seed: int) -> Iterator[dict[str, Any]]:
    """Tune a start to one outlined field, or train from ImageNet's weights, and score it on others."""
    from frugalseg import ObjectModel, score_labels

    one = open_one(data, outlined, "phase_cells_t98g")
    how: dict[str, Any] = {"start": start} if start else {"weights": "imagenet", "max_steps": 200}
    model = ObjectModel.fit(one.planes(["phase"]), one.labels("cells"), seed=seed, device="cpu", **how)
    for name in TESTED:
        field = open_one(data, name, "phase_cells_t98g")
        found = score_labels(field.labels("cells"), model.predict(field.planes(["phase"])))
        scores = [round(found.cell_miou, 4), round(found.mAP, 4)]
        yield {"field": name, "started": model.card.started_from, "plain": scores}


def main() -> None:
    """Train what is not in the file yet, and print the table."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--students", type=Path, required=True)
    options.add_argument("--kinds", default="MCF10A,3T3,T98G")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for kind, arms in ARMS.items():
        for arm in arms if kind.split()[0] in given.kinds.split(",") else ():
            about = {"kind": kind, "arm": arm, "seed": given.seed}
            if any(about.items() <= row.items() for row in read_lines(given.out)):
                continue
            line = kind in KINDS
            from_it = (
                None if arm == "ImageNet" else start_of(given.students, given.data, given.seed, arm, line)
            )
            if line:
                assert from_it is not None
                rows = list(learned_from_it(given.data, kind, from_it, given.seed))
            else:
                rows = list(tuned_to(given.data, kind.split()[1], from_it, given.seed))
            append_lines(given.out, [about | row for row in rows])
    rows = read_lines(given.out)
    for kind, arm in dict.fromkeys((row["kind"], row["arm"]) for row in rows):
        own = [row for row in rows if (row["kind"], row["arm"]) == (kind, arm)]
        ways = [way for way in ("plain", "nuclei") if way in own[0]]
        means = {way: np.mean([row[way] for row in own], axis=0).round(3).tolist() for way in ways}
        print(f"{kind}, {arm}: {means}, {own[0]['started']}")


if __name__ == "__main__":
    main()
