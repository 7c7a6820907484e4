"""Which learning rate and which height of a maximum suit networks that learn from outlines? Chosen with whole sets left out.

    python experiments/rate_and_height.py --out FILE.jsonl [--data FOLDER] [--kinds HeLa,RAW] [--seeds 0]
        [--rates 0.001,0.002,0.004] [--heights 10,15,20,30,40] [--steps 200]

For each kind of cells and each rate, a network learns from one whole outlined field: efficientnet_lite0 from ImageNet weights,
4 crops of 128 px a step, nothing held out, all else the defaults of `learn labels`. It is scored with each height on the
fields of the test, of which it saw nothing. With one thread three to six CPU minutes per kind and rate. Results of earlier
calls are kept.

Printed: mAP for each rate and height, the mean over kinds; then, for each kind, the rate and height that are best on the mean
of all the others, what they give on that kind and what the defaults give, and the paired difference over kinds with its 95 %
interval.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from real_fields import append_lines, parser, read_lines
from tune_student import Fields

KINDS = "HeLa,RAW,3T3,Kc167,macrophage,neuronal"
#: Rate and height that `learn labels` has by default.
DEFAULTS = (2e-3, 20.0)


def measure(
    given: Any, kind: str, seed: int, rate: float, heights: list[float], steps: int
) -> Iterator[dict[str, Any]]:
    """Train one network, and score it with each height."""
    from frugalseg import ObjectModel

    fields = Fields(given.data, kind, seed)
    labels = fields.labels_for("field", seed)
    model = ObjectModel.fit(
        [fields.planes(name) for name in labels],
        list(labels.values()),
        encoder="efficientnet_lite0",
        weights="imagenet",
        crop=128,
        batch=4,
        learning_rate=rate,
        max_steps=steps,
        hold_out=False,
        seed=seed,
        device="cpu",
    )
    for h in heights:
        model.settings = model.settings.model_copy(update={"h": h})
        for name, scores in fields.scores(model).items():
            yield {
                "kind": kind,
                "seed": seed,
                "rate": rate,
                "h": h,
                "steps": steps,
                "field": name,
            } | scores


def print_choices(rows: list[dict[str, Any]]) -> None:
    """Print the mean over kinds of each choice, and what the choice without a kind gives on it."""
    from frugalseg.evaluation.intervals import mean_interval

    groups: dict[tuple[str, float, float], list[float]] = {}
    for row in rows:
        groups.setdefault((row["kind"], row["rate"], row["h"]), []).append(row["mAP"])
    means = {key: float(np.mean(values)) for key, values in groups.items()}
    kinds, choices = dict.fromkeys(key[0] for key in means), sorted({key[1:] for key in means})
    for choice in choices:
        each = ", ".join(f"{kind} {means[kind, *choice]:.3f}" for kind in kinds)
        print(
            f"rate {choice[0]:g}, h {choice[1]:g}: {np.mean([means[kind, *choice] for kind in kinds]):.3f} ({each})"
        )
    gains = []
    for kind in kinds:
        others = [one for one in kinds if one != kind]
        best = max(choices, key=lambda choice: np.mean([means[one, *choice] for one in others]))
        gains.append(means[kind, *best] - means[kind, *DEFAULTS])
        print(
            f"without {kind}: rate {best[0]:g}, h {best[1]:g}; {kind} {means[kind, *best]:.3f}, defaults {means[kind, *DEFAULTS]:.3f}"
        )
    print(f"chosen without the kind, minus defaults: {mean_interval(gains)}")


def main() -> None:
    """Train what is not in the file yet, and print all."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--kinds", default=KINDS)
    options.add_argument("--seeds", default="0")
    options.add_argument("--rates", default="0.001,0.002,0.004")
    options.add_argument("--heights", default="10,15,20,30,40")
    options.add_argument("--steps", type=int, default=200)
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    rates, heights = ([float(one) for one in text.split(",")] for text in (given.rates, given.heights))
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            for rate in rates:
                known = {(row["kind"], row["seed"], row["rate"]) for row in read_lines(given.out)}
                if (kind, seed, rate) not in known:
                    append_lines(given.out, list(measure(given, kind, seed, rate, heights, given.steps)))
    print_choices(read_lines(given.out))


if __name__ == "__main__":
    main()
