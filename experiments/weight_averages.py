"""Is a student better with a mean of weights than with the last ones?

    python experiments/weight_averages.py --out FILE.jsonl [--kinds HeLa,"HeLa unseen"] [--seeds 0,1,2]

One training of three rounds each, with default settings, and then several networks from it: the last weights; the mean of
those at the ends of the last two rounds, and of all three; and means over the steps of the last round, in which step t counts
by t to the power of 0, 2 or 9 (polynomial-decay averaging, Shamir and Zhang 2013). In fluorescence the level of the mask is
matched for each. One line per network and field: cell mIoU, mAP and foreground IoU without nuclei and with them. Printed: the
differences in mAP to the last weights.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from real_fields import append_lines, parser, read_lines
from self_training import KINDS, open_one, scores_of

POWERS = (0, 2, 9)

State = dict[str, Any]


class Averages:
    """Means of the weights of a network over the steps of one round, and the weights at the end of each round."""

    def __init__(self) -> None:
        self.ends: list[State] = []
        self.means: dict[int, State] = {}

    def after_step(self, network: Any, step: int) -> None:
        """Count the weights after a step of a round, the first of which is 1."""
        state = plain_state(network)
        for power in POWERS:
            share = (power + 1) / (step + power)
            before = self.means[power] if step > 1 else state
            self.means[power] = {
                name: value if name not in before else before[name] + share * (value - before[name])
                for name, value in state.items()
            }

    def networks(self) -> dict[str, State]:
        """Return the weights of each network that is compared, by its name."""
        found = {"last": self.ends[-1], "ends of 2 rounds": mean_state(self.ends[1:])}
        found["ends of 3 rounds"] = mean_state(self.ends)
        return found | {f"steps to the power of {power}": state for power, state in self.means.items()}


def plain_state(network: Any) -> State:
    """Return all weights and batch statistics, as float64; counters are left out."""
    return {
        name: value.detach().double().clone()
        for name, value in network.state_dict().items()
        if value.is_floating_point()
    }


def mean_state(states: list[State]) -> State:
    """Return the mean of several weights."""
    return {name: sum(one[name] for one in states) / len(states) for name in states[0]}


def compare(data: Path, kind: str, seed: int) -> Iterator[dict[str, Any]]:
    """Train one student, and score each network on every field of the kind that has labels."""
    from frugalseg import find_cues, self_train_on_cues
    from frugalseg.learning import trainer
    from frugalseg.models import self_training
    from frugalseg.models.mask_level import match_foreground

    folder, channel, learned, unseen = KINDS[kind]
    fields = {name: open_one(data, name, folder) for name in (*learned, *unseen)}
    cues = {
        name: find_cues(field.planes([channel]), field.plane("nuclear"), name=name)
        for name, field in fields.items()
    }
    averages, held, of_run = Averages(), list[Any](), trainer._Run
    step, end, rounds = of_run.step, of_run.end, self_training._train_rounds

    def counted_step(run: Any, batch: Any) -> None:
        step(run, batch)
        averages.after_step(run.network, run.record.steps)

    def kept_end(run: Any) -> None:
        end(run)
        averages.ends.append(plain_state(run.network))

    def kept_rounds(*given: Any) -> Any:
        held[:] = given[:2]
        return rounds(*given)

    with (
        patch.object(of_run, "step", counted_step),
        patch.object(of_run, "end", kept_end),
        patch.object(self_training, "_train_rounds", kept_rounds),
    ):
        model = self_train_on_cues([cues[name] for name in learned], seed=seed, device="cpu")
    student, images = held
    for name, state in averages.networks().items():
        dtypes = model.network.state_dict()
        model.network.load_state_dict(
            {key: value.to(dtypes[key].dtype) for key, value in state.items()}, strict=False
        )
        if student.sees_fluorescence:
            match_foreground(model.network, images, student.scale, student.learning.orientations)
        for field in (one for one in fields if fields[one].has("cells")):
            row = {"kind": kind, "seed": seed, "network": name, "field": field, "learned": field in learned}
            yield row | scores_of(model, cues[field], fields[field].labels("cells"))


def print_differences(rows: list[dict[str, Any]]) -> None:
    """Print mAP minus that of the last weights, mean over fields, for each student and network."""
    last = {(row["kind"], row["seed"], row["field"]): row for row in rows if row["network"] == "last"}
    groups: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
    for row in rows:
        than = last[row["kind"], row["seed"], row["field"]]
        pair = row["plain"][1] - than["plain"][1], row["nuclei"][1] - than["nuclei"][1]
        groups.setdefault((row["kind"], row["learned"], row["seed"], row["network"]), []).append(pair)
    for (kind, learned, seed, network), pairs in groups.items():
        plain, nuclei = np.mean(pairs, axis=0)
        where = "learned from" if learned else "unseen"
        print(
            f"{kind}, {where}, {len(pairs)} fields, seed {seed}, {network}: {plain:+.3f} without nuclei, {nuclei:+.3f} with them"
        )


def main() -> None:
    """Train what is not in the file yet, and print all differences."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--kinds", default=",".join(KINDS))
    options.add_argument("--seeds", default="0,1,2")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            if (kind, seed) not in {(row["kind"], row["seed"]) for row in read_lines(given.out)}:
                append_lines(given.out, list(compare(given.data, kind, seed)))
    print_differences(read_lines(given.out))


if __name__ == "__main__":
    main()
