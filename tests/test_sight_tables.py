"""How students see images: figures in docs are those of the records in experiments/records."""

import json
from statistics import fmean
from typing import Any

from tests.test_result_tables import ROOT, lines_of


def test_changed_synthetic_cells_have_the_scores_of_their_record() -> None:
    text = (ROOT / "docs" / "decisions" / "0025-adapted-norms.md").read_text(encoding="utf-8")
    rows = lines_of("adapted_norms.jsonl")
    names = {
        "as it is": "as those learned from",
        "noise of 0.5": "noise of 0.5 standard deviations",
        "noise of 1": "noise of 1",
        "darker cells": "darker cells",
        "contrast": "another contrast",
        "blur of 2 px": "blur",
        "clouds of 1": "clouds",
    }
    for change, name in names.items():
        own = [row for row in rows if row["kind"] == "synthetic" and row["image"].startswith(f"{change},")]
        cells = list[str]()
        for way in (0, 1):
            before, after = ([row[key][way] for row in own] for key in ("as it is", "default"))
            used = sum(one != other for one, other in zip(before, after, strict=True))
            first, last = (f"{sum(one) / len(own):.3f}" for one in (before, after))
            cells.append(f"{first} -> {last} ({used})" if used else f"{first} (0)")
        assert len(own) == 4
        assert f"| {name} | {' | '.join(cells)} |" in text


def test_other_students_have_the_scores_of_their_records() -> None:
    text = (ROOT / "docs" / "decisions" / "0025-adapted-norms.md").read_text(encoding="utf-8")
    rows = lines_of("adapted_norms.jsonl")
    other = [row for row in rows if row["kind"] in ("Kc167", "macrophage", "RAW")]
    assert len(other) == 25
    changed = [
        (row["as it is"][way], row["default"][way])
        for row in other
        for way in (0, 1)
        if row["as it is"][way] != row["default"][way]
    ]
    assert sorted(changed) == [(0.338, 0.3922), (0.5993, 0.6212)]
    students = [row for row in lines_of("self_training.jsonl") if row["kind"] == "HeLa unseen"]
    for field in ("mcf10a_s1", "raw_3"):
        line = next(line for line in text.splitlines() if line.startswith(f"| `{field}` |"))
        for way, cell in zip(("plain", "nuclei"), line.split("|")[2:4], strict=True):
            own = [row for row in students if row["field"] == field and row["rounds"] == 3]
            scores = [row[way][1] for row in sorted(own, key=lambda row: row["seed"])]
            assert cell.split("->")[1].split() == [f"{one:.3f}," for one in scores[:2]] + [f"{scores[2]:.3f}"]


def test_the_other_contrast_has_the_scores_of_its_records() -> None:
    decision = (ROOT / "docs" / "decisions" / "0026-inverted-contrast.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "results" / "no-labels.md").read_text(encoding="utf-8")
    labelled = [row for row in lines_of("inverted_contrast.jsonl") if row["as it is, alone"] is not None]
    rows = [row for row in labelled if not row["image"].startswith("t98g")]
    for kind in ("HeLa", "RAW"):
        for other, name in ((False, "as they are"), (True, "inverted")):
            unseen = [
                row for row in rows if (row["kind"], row["other"], row["learned"]) == (kind, other, False)
            ]
            cells = [name, str(len(unseen))]
            for way in ("alone", "nuclei"):
                before, after = (
                    fmean(row[f"{how}, {way}"] for row in unseen) for how in ("as it is", "default")
                )
                cells.append(f"{before:.3f} -> {after:.3f}")
                if (kind, other) == ("HeLa", True):
                    assert f"{before:.3f}" in page
                    assert f"{after:.3f}" in page
            turned = [sum(row[f"default, {way}, inverted"] for row in unseen) for way in ("alone", "nuclei")]
            assert f"| {kind} | {' | '.join(cells)} | {turned[0]}, {turned[1]} |" in decision
    upright = {(row["seed"], row["image"]): row for row in rows if row["kind"] == "HeLa" and not row["other"]}
    turned = [row for row in rows if row["kind"] == "HeLa" and row["other"]]
    assert len(turned) == 21
    for row in turned:
        own = upright[row["seed"], row["image"]]
        assert all(row[f"default, {way}"] == own[f"default, {way}"] for way in ("alone", "nuclei"))
    starts = lines_of("start_of_other_contrast.jsonl")
    for arm in ("as it is", "by itself"):
        (line,) = [row for row in starts if (row["kind"], row["arm"]) == ("MCF10A", arm)]
        scores = [" / ".join(f"{one:.3f}" for one in line[way]) for way in ("plain", "nuclei")]
        assert all(score in decision for score in scores)
    for arm in ("as it is", "by itself", "ImageNet"):
        tuned = [row["plain"][1] for row in starts if row["kind"].startswith("T98G") and row["arm"] == arm]
        assert f"{fmean(tuned):.3f}" in decision


def test_less_contrast_has_the_scores_of_its_record() -> None:
    decision = (ROOT / "docs" / "decisions" / "0029-less-contrast.md").read_text(encoding="utf-8")
    rows = [row for row in lines_of("less_contrast.jsonl") if not row["learned"]]
    for kind in {row["kind"] for row in rows}:
        for size in ("whole", "256 px", "400 px"):
            here = [row for row in rows if (row["kind"], row["size"]) == (kind, size)]

            def mean(how: str, here: list[dict[str, Any]] = here) -> str:
                return " / ".join(f"{fmean(row[how][at] for row in here):.3f}" for at in (0, 1))

            cells = [f"{mean(f'before, {way}')} -> {mean(f'default, {way}')}" for way in ("alone", "nuclei")]
            for what, hows in (("lower", ("default",)), ("inverted", ("before", "default"))):
                counts = (
                    [sum(row[f"{how}, {way}, {what}"] for row in here) for way in ("alone", "nuclei")]
                    for how in hows
                )
                cells.append(" -> ".join(f"{alone}, {nuclei}" for alone, nuclei in counts))
            n = sum(row["n"] for row in here)
            assert f"| {kind} | {size} | {n} | {' | '.join(cells)} |" in decision


def test_uneven_light_has_the_scores_of_its_record() -> None:
    record = (ROOT / "experiments" / "records" / "uneven_light.jsonl").read_text(encoding="utf-8")
    rows = [row for row in map(json.loads, record.splitlines()) if not row["learned"]]
    text = (ROOT / "docs" / "results" / "no-labels.md").read_text(encoding="utf-8")
    assert len(rows) == 24

    def both(light: str, what: str, *keys: str) -> str:
        ways = (f"{what}, before", f"{what}, even")
        own = [row for row in rows if row["light"] == light]
        return " -> ".join(
            " / ".join(f"{fmean(row[way][key] for row in own):.3f}" for key in keys) for way in ways
        )

    for light in dict.fromkeys(row["light"] for row in rows):
        cells = (
            both(light, "cues", "foreground"),
            both(light, "cues", "miou", "mAP"),
            both(light, "student", "miou", "mAP"),
        )
        assert f"| {light} | {' | '.join(cells)} |" in text


def test_students_in_even_light_have_the_scores_of_their_records() -> None:
    records, text = (
        ROOT / "experiments" / "records",
        (ROOT / "docs" / "results" / "no-labels.md").read_text(encoding="utf-8"),
    )
    before, now = (
        [json.loads(line) for line in (records / f"self_training_{name}.jsonl").read_text().splitlines()]
        for name in ("before_even_light", "even_light")
    )
    for kind in ("HeLa", "MCF10A", "RAW", "3T3"):
        cells = []
        for way in ("plain", "nuclei"):
            scores = []
            for rows in (before, now):
                own = [row[way] for row in rows if (row["kind"], row["seed"], row["rounds"]) == (kind, 0, 3)]
                scores.append(
                    " / ".join(f"{fmean(values):.3f}" for values in list(zip(*own, strict=True))[:2])
                )
            cells.append(" -> ".join(scores))
        assert f"| {kind} | {' | '.join(cells)} |" in text


def test_modalities_in_the_log_are_those_of_the_record() -> None:
    log = (ROOT / "experiments" / "LOG.md").read_text(encoding="utf-8")
    rows = lines_of("modality.jsonl")
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("fluorescent", "label-free")}
    wrong = {
        kind: [sum(row[how] != kind for row in own) for how in ("without", "with nuclei")]
        for kind, own in kinds.items()
    }
    before, now = wrong["fluorescent"]
    assert wrong["label-free"] == [0, 0]
    stained, bare = (len(own) for own in kinds.values())
    assert f"wrong {before} -> {now} of {stained}, and none of {bare} without a stain" in log
    upright = [row for row in kinds["label-free"] if not row["change"].startswith("inverted")]
    inverted = [row for row in kinds["label-free"] if row not in upright]
    (least, _), (lowest, highest), (_, turned) = (
        (min(brighter), max(brighter))
        for brighter in (
            [row["brighter"] for row in own] for own in (kinds["fluorescent"], upright, inverted)
        )
    )
    assert f"fluorescence {least} to 1, label-free {lowest} to {highest}, inverted up to {turned}" in log
