"""Which encoder, first weights, crop and batch should a student have? As self_training.py, with one of them changed.

    python experiments/student_recipes.py --out FILE.jsonl [--recipes "as it is,small encoder"] [--kinds "HeLa unseen"] [--seeds 0]

All else is the default, three rounds and the number of steps included. Results of earlier calls are kept. Printed: CPU
seconds of training, and for each recipe the means over fields and their paired differences to "as it is".
"""

from pathlib import Path
from typing import Any

import numpy as np
import self_training
from real_fields import append_lines, parser, read_lines

#: What is changed in the settings of the first round, which later rounds take over.
RECIPES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "random weights": {"weights": "none"},
    "small encoder": {"encoder": "small", "weights": "none"},
    "16 crops of 64 px": {"batch": 16, "crop": 64},
    "1 crop of 256 px": {"batch": 1, "crop": 256},
    "2 crops": {"batch": 2},
    "8 crops": {"batch": 8},
}
#: Fields learned from, the HeLa field that was not, and those of other lines.
GROUPS = ("learned from", "same line, unseen", "other lines, unseen")


def with_recipe(name: str) -> None:
    """Let students that are trained from now on be trained by a recipe."""
    from frugalseg.models import student_start

    own = with_recipe.__dict__.setdefault("own", student_start.first_round)
    student_start.first_round = lambda settings: own(settings).model_copy(update=RECIPES[name])


def group_of(row: dict[str, Any]) -> str:
    """Return which of the groups a field is of."""
    if row["learned"]:
        return GROUPS[0]
    return GROUPS[1] if row["field"].startswith("hela") else GROUPS[2]


def print_recipes(rows: list[dict[str, Any]]) -> None:
    """Print seconds, means and paired differences of each recipe."""
    from frugalseg.evaluation.intervals import mean_interval

    for kind, group in dict.fromkeys((row["kind"], group_of(row)) for row in rows):
        own = [row for row in rows if (row["kind"], group_of(row)) == (kind, group)]
        table = {(row["recipe"], row["field"], row["seed"]): row for row in own}
        for recipe in dict.fromkeys(row["recipe"] for row in own):
            here = [row for row in own if row["recipe"] == recipe]
            told = [f"{np.mean([row['training'] for row in here]):.0f} CPU s"]
            for how in ("plain", "nuclei"):
                told.append(
                    f"{how} " + " / ".join(f"{np.mean([r[how][at] for r in here]):.3f}" for at in (0, 1))
                )
                pairs: dict[str, list[float]] = {}
                for row in here:
                    other = table.get(("as it is", row["field"], row["seed"]))
                    if other is not None:
                        pairs.setdefault(row["field"], []).append(row[how][1] - other[how][1])
                if pairs and recipe != "as it is":
                    told.append(f"mAP {mean_interval([float(np.mean(one)) for one in pairs.values()])}")
            print(f"{kind}, {group}, {recipe}: {', '.join(told)}")


def main() -> None:
    """Train what is not in the file yet, and print all."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--recipes", default=",".join(RECIPES))
    options.add_argument("--kinds", default="HeLa unseen")
    options.add_argument("--seeds", default="0")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    names = [name for name in RECIPES if name in given.recipes.split(",")]
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            for recipe in names:
                known = {(row["kind"], row["seed"], row["recipe"]) for row in read_lines(given.out)}
                if (kind, seed, recipe) not in known:
                    with_recipe(recipe)
                    rows = self_training.learn_and_score(given.data, kind, seed, [3], "grown")
                    append_lines(given.out, ({**row, "recipe": recipe} for row in rows))
    print_recipes(read_lines(given.out))


if __name__ == "__main__":
    main()
