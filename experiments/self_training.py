"""Self-training on every set of real fields: what a student makes of its teacher's cells, with nuclei and without.

    python experiments/self_training.py --out FILE.jsonl [--kinds HeLa,RAW] [--seeds 0,1,2] [--rounds 1,2,3] [--teacher network]

"Together": all fields of a kind in one run, without their labels. "Unseen": fields that took no part in the training of
the HeLa student. Default settings. One line per student and field: cell mIoU and mAP of the student without and with
nuclei at prediction, of the teacher and of the best classical method (from areas of nuclei, on the same foreground).
Results of earlier calls are kept; a student that is in the file is not trained again. With one thread about three CPU
minutes per HeLa student. Several `--rounds` are of one training, which goes on from each to the next. `--teacher network`: the cells of one marker network, trained on all fields of the kind, in place
of those grown from nuclei.

Printed: per kind and set, the mean over fields for each seed, and paired differences: of each field the mean over seeds,
then the mean over fields with its 95 % interval.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from real_fields import FLUORESCENT, HELA, append_lines, parser, read_lines

if TYPE_CHECKING:
    from frugalseg import Field, ObjectModel
    from frugalseg.evaluation.scores import Scores

#: One run for cells of five lines, of two magnifications.
MIXED = (
    *HELA[:4],
    "hela_u1",
    "mcf10a_s1",
    "mcf10a_u1",
    "raw_1",
    "raw_3",
    "3t3_1",
    "3t3_2",
    "3t3_u1",
    "bmdm_u1",
    "bmdm_u2",
)

#: Kind -> folder, channel of whole cells, fields that are learned from, fields that are only predicted.
KINDS = {
    "HeLa": ("phase_nuclear", "phase", HELA, ()),
    "HeLa unseen": (
        "phase_nuclear",
        "phase",
        (*HELA[:4], "hela_u1"),
        ("hela_5", "mcf10a_s1", "raw_1", "raw_3", "3t3_1", "3t3_2"),
    ),
    "RAW": ("phase_fluo_raw", "phase", ("raw_1", "raw_3"), ()),
    "MCF10A": ("phase_nuclear", "phase", ("mcf10a_s1", "mcf10a_u1"), ()),
    "3T3": ("phase_nuclear", "phase", ("3t3_1", "3t3_2", "3t3_u1"), ()),
    **{kind: ("fluo_two_channel", "cyto", names, ()) for kind, names in FLUORESCENT.items()},
    "BMDM": ("phase_nuclear", "phase", ("bmdm_u1", "bmdm_u2"), ()),
    "mixed": ("phase_nuclear", "phase", MIXED, ("hela_5",)),
}

#: Rows of the table: the teacher, the best classical method, the student without nuclei and with them.
METHODS = ("teacher", "baseline", "plain", "nuclei")


def open_one(data: Path, name: str, folder: str) -> "Field":
    """Open a field of any set; RAW fields stand in a folder of their own."""
    from frugalseg import open_fields

    home = "phase_fluo_raw" if name.startswith("raw") else folder
    return open_fields([data / home / "fields.csv"], where=[f"field={name}"])[0]


def learn_and_score(
    data: Path, kind: str, seed: int, several: list[int], teacher: str
) -> Iterator[dict[str, Any]]:
    """Train one student, and score it after each number of rounds on every field of the kind that has labels."""
    from frugalseg import MarkerModel, find_cues
    from frugalseg.models.self_training import self_train_on_cues
    from frugalseg.models.teacher_cells import teacher_cells

    folder, channel, learned, unseen = KINDS[kind]
    start = time.process_time()
    fields = {name: open_one(data, name, folder) for name in (*learned, *unseen)}
    cues = {
        name: find_cues(field.planes([channel]), field.plane("nuclear"), name=name)
        for name, field in fields.items()
    }
    found_cues = time.process_time()
    learned_cues, find = [cues[name] for name in learned], teacher_cells
    if teacher == "network":
        find = MarkerModel.fit_to_cues(learned_cues, seed=seed, device="cpu").segment
    truths = {name: field.labels("cells") for name, field in fields.items() if field.has("cells")}
    fixed = {name: fixed_scores(cues[name], truth, find) for name, truth in truths.items()}
    seconds = {"cues": round(found_cues - start, 1), "training": 0.0}
    with TemporaryDirectory() as folder:
        for rounds in several:
            start = time.process_time()
            options = {"rounds": rounds, "checkpoint": folder, "resume": True}
            model = self_train_on_cues(learned_cues, seed=seed, device="cpu", teacher=find, **options)
            seconds["training"] = round(seconds["training"] + time.process_time() - start, 1)
            for name, truth in truths.items():
                row = {"kind": kind, "field": name, "seed": seed, "rounds": rounds, "of": teacher}
                row |= {"learned": name in learned} | seconds | fixed[name]
                yield row | scores_of(model, cues[name], truth)


def fixed_scores(cues: Any, truth: Any, teacher: Any) -> dict[str, Any]:
    """Return mIoU and mAP of the teacher and of the best classical method on one field."""
    from frugalseg import score_labels
    from frugalseg.models.baseline_scores import score_baselines

    baselines = score_baselines(truth, cues)
    best = max(baselines, key=lambda name: baselines[name].mAP)
    return {
        "teacher": three_scores(score_labels(truth, teacher(cues))),
        "baseline": [round(baselines[best].cell_miou, 4), round(baselines[best].mAP, 4), best],
    }


def scores_of(model: "ObjectModel", cues: Any, truth: Any) -> dict[str, Any]:
    """Return mIoU and mAP of the student on one field, without nuclei and with them."""
    from frugalseg import score_labels

    start = time.process_time()
    found = model.segment(cues)
    seconds = round(time.process_time() - start, 2)
    return {
        "segment_seconds": seconds,
        "inside": found.agreement.nuclei_inside,
        "plain": three_scores(score_labels(truth, model.predict(cues.planes))),
        "nuclei": three_scores(score_labels(truth, found.labels)),
    }


def three_scores(scores: "Scores") -> list[float]:
    """Return cell mIoU, mAP and foreground IoU."""
    return [round(scores.cell_miou, 4), round(scores.mAP, 4), round(scores.foreground_iou, 4)]


def print_means(rows: list[dict[str, Any]]) -> None:
    """Print means over fields for each seed, and paired differences over fields."""
    from frugalseg.evaluation.intervals import mean_interval

    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        line = row["field"].rsplit("_", 1)[0] + ("" if row["learned"] else ", unseen")
        groups.setdefault((row["kind"], line, row["of"], row["rounds"]), []).append(row)
    for (kind, line, teacher, rounds), group in sorted(groups.items()):
        seeds, fields = ({row[key] for row in group} for key in ("seed", "field"))
        print(f"{kind}: {line}, {len(fields)} fields, teacher {teacher}, {rounds} rounds")
        values = {}
        for name in METHODS:
            for at, score in enumerate(("mIoU", "mAP")):
                table = {(row["field"], row["seed"]): row[name][at] for row in group}
                values[name, score] = [np.mean([table[field, s] for s in seeds]) for field in sorted(fields)]
                means = [np.mean([table[field, s] for field in fields]) for s in sorted(seeds)]
                print(
                    f"  {name:8} {score:4} {np.mean(means):.3f}, seeds " + " ".join(f"{m:.3f}" for m in means)
                )
        for name in ("plain", "nuclei"):
            for other in ("teacher", "baseline"):
                for score in ("mIoU", "mAP"):
                    paired = np.subtract(values[name, score], values[other, score])
                    better = f"{int((paired > 0).sum())} of {len(paired)} fields better"
                    print(f"  {name} - {other}, {score}: {mean_interval(paired.tolist())}, {better}")


def main() -> None:
    """Train what is not in the file yet, and print all means."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--kinds", default=",".join(KINDS))
    options.add_argument("--seeds", default="0,1,2")
    options.add_argument("--rounds", default="3")
    options.add_argument("--teacher", default="grown", choices=("grown", "network"))
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            known = {(row["kind"], row["seed"], row["rounds"], row["of"]) for row in read_lines(given.out)}
            several = sorted(map(int, given.rounds.split(",")))
            missing = [one for one in several if (kind, seed, one, given.teacher) not in known]
            if missing:
                append_lines(given.out, learn_and_score(given.data, kind, seed, missing, given.teacher))
    print_means(read_lines(given.out))


if __name__ == "__main__":
    main()
