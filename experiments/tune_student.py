"""How long should a self-trained student be tuned, for how much that is outlined? Scored on fields that were not outlined.

    python experiments/tune_student.py --out FILE.jsonl [--data FOLDER] [--kinds HeLa,RAW] [--seeds 0,1]
        [--arms crop,field,fields,crop-held-out] [--steps 100,400] [--students FOLDER] [--outline FIELD]

For each kind of cells, one student learns from all its fields, without a label. Then it is tuned: to one crop of at most 512
px, and at most half of the field's side ("crop"; everything else is not annotated), to one whole field ("field"), to all but the
fields of the test ("fields"), to the crop with nothing rehearsed ("crop-alone"), or at a quarter of the learning rate ("crop-slow"). "crop-held-out", "field-held-out" and "fields-held-out": with the default
hold-out, which chooses the weights. The fields of the test, two of HeLa
and one of other kinds, are never outlined; seeds take the fields in turns. `--outline` says which field is outlined instead, and
all others are the test, whatever the seed. Settings other than steps are the defaults, but
nothing is held out where that is not said, and nuclei are not used. `--steps default`: what the settings choose.

One line per kind, seed, arm, steps and field: mAP, cell mIoU, foreground IoU, and how often a step showed each outlined pixel.
Results of earlier calls are kept, and students in the folder `--students`. With one thread about three CPU minutes per
student and half a minute per 100 steps. Printed: mAP per kind, arm and steps, mean over fields and seeds, and its difference to the
student that is not tuned.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paper_a_runs import crop_labels
from real_fields import append_lines, parser, read_lines
from self_training import KINDS, open_one

if TYPE_CHECKING:
    from frugalseg import ObjectModel

STUDENT = "student"
SCORES = ("mAP", "cell_miou", "foreground_iou")
#: The largest crop, px.
SIDE = 512


class Fields:
    """Fields of a kind with labels: which are outlined and which are for the test, and those without labels."""

    def __init__(self, data: Path, kind: str, seed: int, outline: str = "") -> None:
        folder, self.channel, learned, _ = KINDS[kind]
        self.fields = {name: open_one(data, name, folder) for name in learned}
        labelled = [name for name in learned if self.fields[name].has("cells")]
        if outline:
            self.outlined, self.test = [outline], [name for name in labelled if name != outline]
            return
        turned = [labelled[(at + seed) % len(labelled)] for at in range(len(labelled))]
        n_test = 2 if len(labelled) > 3 else 1
        self.outlined, self.test = turned[:-n_test], turned[-n_test:]

    def planes(self, name: str) -> Any:
        """Return the input (C,Y,X) of a field."""
        return self.fields[name].planes([self.channel])

    def student(self, seed: int, folder: Path | None) -> "ObjectModel":
        """Learn from all fields and their nuclei, without a label; or load it, where that was done."""
        from frugalseg import load_model, self_train

        if folder is not None and folder.exists():
            return load_model(folder, device="cpu")
        stains = [field.plane("nuclear") for field in self.fields.values()]
        images = [self.planes(name) for name in self.fields]
        model = self_train(
            images, stains, names=list(self.fields), channels=[self.channel], seed=seed, device="cpu"
        )
        if folder is not None:
            model.save(folder)
        return model

    def labels_for(self, arm: str, seed: int) -> dict[str, Any]:
        """Return the label maps that an arm learns from."""
        count = len(self.outlined) if arm.startswith("fields") else 1
        labels = {name: self.fields[name].labels("cells") for name in self.outlined[:count]}
        if not arm.startswith("crop"):
            return labels
        return {name: crop_labels(one, min(SIDE, min(one.shape) // 2), seed) for name, one in labels.items()}

    def tuned(
        self, student: "ObjectModel", labels: dict[str, Any], arm: str, steps: str, seed: int
    ) -> "ObjectModel":
        """Tune a student to labels; the fields that it learned from are there without labels."""
        from frugalseg import ObjectModel
        from frugalseg.learning.from_labels.label_settings import LabelSettings

        others = [self.planes(name) for name in self.fields if name not in labels]
        changes: dict[str, Any] = {
            "crop-alone": {"rehearsal": 0.0},
            "crop-slow": {"learning_rate": LabelSettings.preset("tuning", target="cells").learning_rate / 4},
        }.get(arm, {})
        changes |= {} if steps == "default" else {"max_steps": int(steps)}
        changes |= {"hold_out": arm.endswith("held-out")}
        options = {"start": student, "unlabelled": others, "seed": seed, "device": "cpu"}
        images = [self.planes(name) for name in labels]
        return ObjectModel.fit(images, list(labels.values()), **options, **changes)

    def scores(self, model: "ObjectModel") -> dict[str, dict[str, float]]:
        """Score a model on every field of the test."""
        from frugalseg import score_labels

        found = {}
        for name in self.test:
            scores = score_labels(self.fields[name].labels("cells"), model.predict(self.planes(name)))
            found[name] = {score: round(getattr(scores, score), 4) for score in SCORES}
        return found


def times_shown(model: "ObjectModel", labels: dict[str, Any]) -> float:
    """Return how often training showed each outlined pixel, on average."""
    crops = model.settings.batch - model.settings.rehearsed_crops
    outlined = sum(int((one >= 0).sum()) for one in labels.values()) * model.card.scale**2
    assert model.training is not None
    return float(model.training.steps * crops * model.settings.crop**2 / outlined)


def measure(given: Any, kind: str, seed: int, todo: list[tuple[str, str]]) -> None:
    """Train one student, or load it, tune it for each arm and number of steps, and append the scores of all."""
    fields = Fields(given.data, kind, seed, given.outline)
    folder = given.students and given.students / f"{kind.replace(' ', '_')}_{seed}"
    student = fields.student(seed, folder)
    for arm, steps in todo:
        start, about = time.process_time(), {"kind": kind, "seed": seed, "arm": arm, "steps": steps}
        model = student
        if arm != STUDENT:
            labels = fields.labels_for(arm, seed)
            model = fields.tuned(student, labels, arm, steps, seed)
            about["cells"] = sum(len(set(one[one > 0].tolist())) for one in labels.values())
            about["shown"] = round(times_shown(model, labels), 1)
        about["seconds"] = round(time.process_time() - start, 1)
        rows = [about | {"field": name} | scores for name, scores in fields.scores(model).items()]
        append_lines(given.out, rows)


def print_means(rows: list[dict[str, Any]]) -> None:
    """Print mAP per kind, arm and steps, and its paired difference to the student."""
    import numpy as np

    table = {(row["kind"], row["seed"], row["field"], row["arm"], row["steps"]): row["mAP"] for row in rows}
    about = {(row["kind"], row["arm"], row["steps"]): row for row in rows}
    for (kind, arm, steps), row in about.items():
        same = [key for key in table if (key[0], *key[3:]) == (kind, arm, steps)]
        gains = [table[key] - table[(*key[:3], STUDENT, "0")] for key in same]
        mean = np.mean([table[key] for key in same])
        shown = "" if arm == STUDENT else f", {row['cells']} cells, shown {row['shown']} times"
        print(f"{kind:11} {arm:10} {steps:>7} steps: mAP {mean:.3f} ({np.mean(gains):+.3f}){shown}")


def main() -> None:
    """Measure what is not in the file yet, and print all means."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--students", type=Path)
    options.add_argument("--outline", default="", help="field to outline, by default each in turn")
    options.add_argument("--kinds", default="HeLa,RAW,3T3,Kc167,macrophage")
    options.add_argument("--seeds", default="0")
    options.add_argument("--arms", default="crop,field,fields")
    options.add_argument("--steps", default="100,400")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    asked = [(STUDENT, "0")]
    asked += [(arm, steps) for steps in given.steps.split(",") for arm in given.arms.split(",")]
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            rows = read_lines(given.out)
            known = {(row["kind"], row["seed"], row["arm"], row["steps"]) for row in rows}
            todo = [one for one in asked if (kind, seed, *one) not in known]
            if kind in ("RAW", "3T3"):  # two fields: all but the test are one
                todo = [one for one in todo if not one[0].startswith("fields")]
            if todo:
                measure(given, kind, seed, todo)
    print_means(read_lines(given.out))


if __name__ == "__main__":
    main()
