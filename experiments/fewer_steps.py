"""How many steps should a student take? Each field alone, or all of a kind together, with several numbers of steps.

    python experiments/fewer_steps.py --out FILE.jsonl [--kinds Kc167,HeLa] [--seeds 0] [--steps 300,150] [--together]

`--steps` are those of the first round; the two further rounds take half as many each, as always. A student is scored on the
fields that it learned from, without nuclei and with them. Results of earlier calls are kept. Printed: of each number of
steps minus the first one, the paired difference in mAP over fields (each the mean over seeds) with its 95 % interval. Two to
four CPU minutes a student.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from real_fields import append_lines, parser, read_lines
from self_training import KINDS, open_one, scores_of

#: Kinds of which all labelled fields are learned from.
LABELLED = ("Kc167", "macrophage", "neuronal", "MCF10A", "RAW", "HeLa", "3T3")


def learn_and_score(
    data: Path, kind: str, names: Sequence[str], seed: int, several: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """Train a student of some fields with each number of steps, and score it on those of them that are labelled."""
    from frugalseg import find_cues
    from frugalseg.images.resize import scaled_shape
    from frugalseg.models.self_training import self_train_on_cues

    folder, channel, *_ = KINDS[kind]
    fields = [open_one(data, name, folder) for name in names]
    cues = [find_cues(one.planes([channel]), one.plane("nuclear"), name=one.name) for one in fields]
    for steps in several:
        start = time.process_time()
        model = self_train_on_cues(cues, seed=seed, device="cpu", max_steps=steps)
        seconds = round(time.process_time() - start, 1)
        shapes = [scaled_shape(one.planes.shape[1:], model.card.scale) for one in cues]
        crops = round(sum(float(np.prod(shape)) for shape in shapes) / 128**2, 1)
        row = {"kind": kind, "together": len(names), "seed": seed, "steps": steps, "crops": crops}
        for field, its in zip(fields, cues, strict=True):
            if field.has("cells"):
                scores = scores_of(model, its, field.labels("cells"))
                yield row | {"field": field.name, "training": seconds} | scores


def print_differences(rows: list[dict[str, Any]]) -> None:
    """Print differences to the first number of steps, for each kind."""
    from frugalseg.evaluation.intervals import mean_interval

    first, *others = dict.fromkeys(row["steps"] for row in rows)
    for kind, together in dict.fromkeys((row["kind"], row["together"]) for row in rows):
        group = [row for row in rows if (row["kind"], row["together"]) == (kind, together)]
        table = {(row["field"], row["seed"], row["steps"]): row for row in group}
        for how in ("plain", "nuclei"):
            for other in others:
                pairs: dict[str, list[float]] = {}
                for field, seed, steps in table:
                    if steps == other and (field, seed, first) in table:
                        now, before = (table[field, seed, one][how][1] for one in (other, first))
                        pairs.setdefault(field, []).append(now - before)
                if pairs:
                    mean = mean_interval([float(np.mean(one)) for one in pairs.values()])
                    fields = "alone" if together == 1 else f"{together} together"
                    print(f"{kind}, {fields}, {how}, mAP of {other} - {first} steps: {mean}")


def main() -> None:
    """Train what is not in the file yet, and print all differences."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--kinds", default=",".join(LABELLED))
    options.add_argument("--seeds", default="0")
    options.add_argument("--steps", default="300,150")
    options.add_argument("--together", action="store_true")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            learned = KINDS[kind][2]
            for names in [learned] if given.together else [[name] for name in learned]:
                rows = read_lines(given.out)
                known = {(one["field"], one["together"], one["seed"], one["steps"]) for one in rows}
                missing = [
                    int(one)
                    for one in given.steps.split(",")
                    if not any((name, len(names), seed, int(one)) in known for name in names)
                ]
                append_lines(given.out, learn_and_score(given.data, kind, names, seed, missing))
    print_differences(read_lines(given.out))


if __name__ == "__main__":
    main()
