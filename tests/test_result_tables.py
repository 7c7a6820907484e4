"""Tables of the results hold the scores of their records."""

import csv
import importlib
import json
import re
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from frugalseg.evaluation.intervals import mean_interval

ROOT = Path(__file__).resolve().parent.parent


def test_the_table_of_raw_cells_holds_the_scores_of_its_record() -> None:
    with (ROOT / "experiments" / "records" / "laptop_stain_kind_raw.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "mAP"]
    scores = {
        (row["field"], row["budget"], row["arm"], row["seed"]): f"{float(row['value']):.3f}" for row in rows
    }
    assert len(scores) == len(rows) == 40
    arms = ("nothing", "imagenet", "nuclear_stain", "cell_stain", "cell_stain_log")
    text = (ROOT / "docs" / "results" / "stains.md").read_text(encoding="utf-8")
    for field in ("raw_1", "raw_3"):
        for budget, name in (("1 crop", "one crop"), ("1 field", "one field")):
            cells = [", ".join(scores[field, budget, arm, seed] for seed in "01") for arm in arms]
            assert f"| `{field}` | {name} | {' | '.join(cells)} |" in text


def test_the_long_training_of_a_stain_holds_the_scores_of_its_record() -> None:
    with (ROOT / "experiments" / "records" / "stain_8192_steps.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "pcc"]
    steps = [2**power for power in range(5, 14)]
    scores = [[float(row["value"]) for row in rows if row["steps"] == str(step)] for step in steps]
    assert {len(one) for one in scores} == {5}
    text = (ROOT / "docs" / "results" / "stains.md").read_text(encoding="utf-8")
    assert f"| {' | '.join(map(str, steps))} |" in text
    assert f"| {' | '.join(f'{fmean(one):.3f}' for one in scores)} [0.643, 0.906] |" in text


def test_the_table_of_the_long_start_holds_the_scores_of_its_record() -> None:
    with (ROOT / "experiments" / "records" / "laptop_stain_amount.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    text = (ROOT / "docs" / "results" / "stains.md").read_text(encoding="utf-8")

    def mean(metric: str, budget: str, arm: str) -> str:
        about = {"metric": metric, "budget": budget, "arm": arm}
        values = [float(row["value"]) for row in rows if about.items() <= row.items()]
        assert len(values) == 25
        return f"{fmean(values):.3f}"

    for budget, name in (("1 crop", "one crop"), ("1 field", "one image")):
        for metric, score in (("mask_iou", "IoU (eq. 4)"), ("mAP", "mAP")):
            means = " | ".join(mean(metric, budget, arm) for arm in ("imagenet", "stain", "stain_long"))
            assert f"| {name} | {score} | {means} |" in text


def test_the_table_of_rates_holds_the_scores_of_its_record() -> None:
    lines = (ROOT / "experiments" / "records" / "rate_and_height.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    text = (ROOT / "experiments" / "LOG.md").read_text(encoding="utf-8")
    for rate in (0.001, 0.002, 0.004):
        means = []
        for h in (10, 20, 30):
            kinds: dict[str, list[float]] = {}
            for row in rows:
                if (row["rate"], row["h"]) == (rate, h):
                    kinds.setdefault(row["kind"], []).append(row["mAP"])
            means.append(f"{fmean(map(fmean, kinds.values())):.3f}")
        assert f"| {rate} | {' | '.join(means)} |" in text


def test_the_table_of_foregrounds_holds_the_scores_of_its_record() -> None:
    text = (ROOT / "docs" / "results" / "no-labels.md").read_text(encoding="utf-8")
    sets = json.loads((ROOT / "experiments" / "records" / "foreground_sets.json").read_text())
    scored = {name: fields for name, fields in sets.items() if "areas" in next(iter(fields.values()))}
    assert len(scored) == 8
    for name, fields in scored.items():
        cells = [f"{fmean(one[way]['IoU'] for one in fields.values()):.3f}" for way in ("points", "areas")]
        cells += [f"{fmean(one[way]['size'] for one in fields.values()):.2f}" for way in ("points", "areas")]
        for way in ("points", "areas"):
            cells.append(
                " / ".join(
                    f"{fmean(one[way][key] for one in fields.values()):.3f}" for key in ("mIoU", "mAP")
                )
            )
        assert f"| {name} | {len(fields)} | {' | '.join(cells)} |" in text


def test_the_stain_of_raw_cells_holds_the_scores_of_its_record() -> None:
    with (ROOT / "experiments" / "records" / "laptop_stain_steps_raw.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "pcc"]
    text = (ROOT / "docs" / "results" / "stains.md").read_text(encoding="utf-8")
    names = {"linear": "linear grey values", "log": "logarithm", "field": "each field's own percentiles"}
    names["mask"] = "mask: whether it is above a threshold"
    for field, arm in ((field, arm) for field in ("raw_1", "raw_3") for arm in names):
        own = [row for row in rows if (row["arm"], row["field"]) == (arm, field)]
        scores = {int(row["steps"]): float(row["value"]) for row in own}
        assert list(scores) == [2**power for power in range(5, 12)]
        assert f"| {names[arm]}, `{field}` | {' | '.join(f'{one:.3f}' for one in scores.values())} |" in text


def lines_of(record: str) -> list[dict[str, Any]]:
    text = (ROOT / "experiments" / "records" / record).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_recipes_of_students_have_the_scores_of_their_record() -> None:
    text = (ROOT / "docs" / "results" / "no-labels.md").read_text(encoding="utf-8")
    names = {
        "as it is": "as it is: efficientnet_lite0 from ImageNet, 4 crops of 128 px",
        "small encoder": "small encoder, from random weights",
    }
    groups: dict[str, dict[str, list[Any]]] = {}
    for row in lines_of("student_recipes.jsonl"):
        which = "learned" if row["learned"] else row["field"].split("_")[0]
        groups.setdefault(row["recipe"], {}).setdefault(which, []).append(row)
    assert len(groups) == 6
    for recipe, rows in groups.items():
        cells = [f"{rows['learned'][0]['training']:.0f}"]
        for which in ("learned", "hela", "mcf10a", "raw", "3t3"):
            means = [fmean(row[how][1] for row in rows[which]) for how in ("plain", "nuclei")]
            cells.append(" / ".join(f"{mean:.3f}" for mean in means))
        assert f"| {names.get(recipe, recipe)} | {' | '.join(cells)} |" in text


@pytest.mark.parametrize("kind", ["3T3", "RAW"])
def test_suggested_crops_hold_the_scores_of_their_record(kind: str) -> None:
    rows = [row for row in lines_of("suggest_against_random.jsonl") if row["kind"] == kind]
    text = (ROOT / "docs" / "results" / "few-labels.md").read_text(encoding="utf-8")
    line = next(one for one in text.split("\n\n") if one.startswith(f"On {kind}")).replace("\n", " ")
    assert f"without a label {rows[0]['mAP']:.3f}." in line
    for count in (1, 4):
        (own,) = (row for row in rows if (row["crops"], row["way"]) == (count, "suggest"))
        random = [row for row in rows if (row["crops"], row["way"]) == (count, "random")]
        interval = mean_interval([own["mAP"] - row["mAP"] for row in random])
        assert len(random) == 6
        assert f"{own['mAP']:.3f} ({own['cells']} cells)" in line
        assert (
            f"{fmean(row['mAP'] for row in random):.3f} ({fmean(row['cells'] for row in random):.0f})" in line
        )
        assert f"difference {interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]" in line


def test_table_1_holds_the_scores_of_its_record() -> None:
    with (ROOT / "experiments" / "records" / "laptop_paper_b_table_1.csv").open(newline="") as file:
        scores = {
            (row["arm"], row["metric"], row["field"], row["seed"]): float(row["value"])
            for row in csv.DictReader(file)
        }
    text = (ROOT / "docs" / "results" / "markers.md").read_text(encoding="utf-8")
    inputs = {
        "fluorescence": "fluorescence",
        "fluorescence_nucleus": "fluorescence + nucleus",
        "phase": "phase",
        "phase_nucleus": "phase + nucleus",
        "both": "both, fluorescence first",
        "both_nucleus": "both + nucleus",
        "both_phase_first": "both, phase first",
        "both_phase_first_nucleus": "both, phase first, + nucleus",
    }
    for arm, name in inputs.items():
        first = "phase" if arm.startswith("phase") or "phase_first" in arm else "fluorescence"
        found: dict[str, str] = {}
        pairs = []
        for metric in ("cell_miou", "mAP", "two_class_miou"):
            own = {
                field: [scores[f"student_{arm}", metric, field, seed] for seed in "012"]
                for field in ("raw_1", "raw_3")
            }
            of_seeds = [fmean(pair) for pair in zip(*own.values(), strict=True)]
            found[metric] = f"{fmean(of_seeds):.3f} ± {stdev(of_seeds):.3f}"
            differences = [
                fmean(values) - scores[f"propagation_{first}", metric, field, "0"]
                for field, values in own.items()
            ]
            interval = mean_interval(differences)
            pairs.append(
                f"{', '.join(f'{one:+.3f}' for one in differences)} | {interval.mean:+.3f} [{interval.low:.3f}, {interval.high:.3f}]"
            )
        line = next(one for one in text.splitlines() if one.startswith(f"| {name} |"))
        assert f"| {found['cell_miou']} / {found['mAP']} | {found['two_class_miou']} |" in line
        assert f"| {name} | {' | '.join(pairs[:2])} |" in text


def test_the_table_of_students_holds_the_scores_of_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "experiments")
    rows = importlib.import_module("self_training_tables").ROWS
    assert len(rows) == 11
    for row, (kind, begins) in rows.items():
        check_row_of_students(row, kind, begins)


def check_row_of_students(row: str, kind: str, begins: str) -> None:
    """Compute a row of both tables anew, from fields whose names begin so."""
    scored = [
        one
        for one in lines_of("self_training_rounds.jsonl")
        if one["kind"] == kind and one["field"].startswith(begins)
    ]
    fields, seeds, rounds = (sorted({one[key] for one in scored}) for key in ("field", "seed", "rounds"))
    assert (len(scored), seeds, rounds) == (len(fields) * 9, [0, 1, 2], [1, 2, 3])
    text = (ROOT / "docs" / "results" / "no-labels.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| {re.escape(row)} \| {len(fields)} \| (.*) \|$", text, re.MULTILINE)
    shown = dict(zip(("teacher", "baseline", "plain", "nuclei"), line.split(" | "), strict=True))
    for method, cell in shown.items():
        assert cell == mean_and_spread(scored, 3, method)
        assert "±" in cell or method != "plain"
    after = [mean_and_spread(scored, number, "nuclei") for number in rounds]
    assert f"\n| {row} | {' | '.join(after)} | " in text


def mean_and_spread(scored: list[dict[str, Any]], rounds: int, method: str) -> str:
    """Write mIoU / mAP after some rounds: the mean over fields, ± the standard deviation over seeds where they differ."""
    of_seeds = [
        [
            fmean(one[method][at] for one in scored if (one["seed"], one["rounds"]) == (seed, rounds))
            for seed in (0, 1, 2)
        ]
        for at in (0, 1)
    ]
    varies = any(stdev(one) > 0 for one in of_seeds)  # classical cells have no seed
    return " / ".join(
        f"{fmean(one):.3f} ± {stdev(one):.3f}" if varies else f"{fmean(one):.3f}" for one in of_seeds
    )


def test_inputs_in_fluorescence_have_the_scores_of_their_record() -> None:
    with (ROOT / "experiments" / "records" / "laptop_paper_b_fluorescence.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    text = (ROOT / "docs" / "results" / "markers.md").read_text(encoding="utf-8")
    arms = ("propagation", "network", "network_nucleus", "student", "student_nucleus")
    for task, name in (("kc167", "Kc167"), ("macrophages", "macrophages"), ("neurons", "neurons")):
        cells = []
        for arm in arms:
            method, _, nucleus = arm.partition("_")
            own = [
                row
                for row in rows
                if (row["task"], row["arm"])
                == (task, f"{method}_fluorescence{'_' if nucleus else ''}{nucleus}")
            ]
            cells.append(" / ".join(_over_seeds(own, metric) for metric in ("cell_miou", "mAP")))
        assert f"| {name} | {' | '.join(cells)} |" in text


def _over_seeds(rows: list[dict[str, str]], metric: str) -> str:
    """Write the mean over fields, and its standard deviation over seeds where there are several."""
    seeds = sorted({row["seed"] for row in rows})
    means = [
        fmean(float(row["value"]) for row in rows if (row["metric"], row["seed"]) == (metric, seed))
        for seed in seeds
    ]
    return f"{fmean(means):.3f}" + (f" ± {stdev(means):.3f}" if len(means) > 1 else "")


def test_seen_and_unseen_fields_have_the_scores_of_their_record() -> None:
    with (ROOT / "experiments" / "records" / "laptop_paper_b_seen_unseen.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    text = (ROOT / "docs" / "results" / "markers.md").read_text(encoding="utf-8")
    for method, name in (("student", "student"), ("network", "marker network")):
        for channel in ("phase", "fluorescence"):
            cells = []
            for field, task in ((field, task) for field in ("raw_1", "raw_3") for task in ("seen", "unseen")):
                about = (task, f"{method}_{channel}", field)
                own = [row for row in rows if (row["task"], row["arm"], row["field"]) == about]
                cells.append(" / ".join(_over_seeds(own, metric) for metric in ("cell_miou", "mAP")))
            assert f"| {name}, {channel} | {' | '.join(cells)} |" in text
