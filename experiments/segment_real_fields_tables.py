"""Tables of `segment_real_fields.py`, as Markdown.

python experiments/segment_real_fields_tables.py FOLDER/segment_real_fields.json
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

SCORES = ("cell_miou", "mAP")


def group_of(run: dict[str, Any]) -> str:
    """Row of the summary table that a run belongs to."""
    if run["model_of"]:
        return f"HeLa: {run['field']}, model of {run['model_of']}"
    if "," in run["cells"]:
        return f"HeLa: {run['field']}, phase + nuclear"
    kind = "".join(letter for letter in run["field"].split("_")[0])
    return {"hela": "HeLa", "3t3": "3T3"}.get(kind, kind)


def per_seed(runs: list[dict[str, Any]], of: Any, score: str) -> list[float]:
    """Mean over fields, for each seed."""
    seeds: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        seeds[run["seed"]].append(float(of(run)[score]))
    return [float(np.mean(values)) for _, values in sorted(seeds.items())]


def spread(values: list[float]) -> str:
    """Mean and standard deviation over seeds."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def tables(runs: list[dict[str, Any]]) -> str:
    """Summary by kind of field, and every field with its baselines."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        groups[group_of(run)].append(run)
    lines = [
        "| fields | n | cell mIoU | mAP | foreground IoU | best baseline (mIoU) | best baseline (mAP) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, members in groups.items():
        ours = [spread(per_seed(members, lambda run: run["record"]["scores"], score)) for score in SCORES]
        best = []
        for score in SCORES:
            means = {
                method: float(
                    np.mean(per_seed(members, lambda run, m=method: run["record"]["baselines"][m], score))
                )
                for method in members[0]["record"]["baselines"]
            }
            method = max(means, key=means.__getitem__)
            best.append(f"{means[method]:.3f} {method}")
        covered = np.mean([run["record"]["scores"]["foreground_iou"] for run in members])
        fields = len({run["field"] for run in members})
        lines.append(f"| {name} | {fields} | {ours[0]} | {ours[1]} | {covered:.2f} | {best[0]} | {best[1]} |")
    lines += [
        "",
        "| field | cells | mIoU | mAP | paper's two-class mIoU | Voronoi | propagation | watershed: intensity | "
        "gradient | markers missing / extra | s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, members in groups.items():
        for field in dict.fromkeys(run["field"] for run in members):
            lines.append(_row(name, field, [run for run in members if run["field"] == field]))
    return "\n".join(lines)


def _row(group: str, field: str, runs: list[dict[str, Any]]) -> str:
    records = [run["record"] for run in runs]
    shown = group.removeprefix("HeLa: ") if ":" in group else field
    cells = [spread([r["scores"][score] for r in records]) for score in (*SCORES, "two_class_miou")]
    baselines = [
        " / ".join(f"{records[0]['baselines'][method][score]:.3f}" for score in SCORES)
        for method in ("voronoi", "propagation", "watershed_intensity", "watershed_gradient")
    ]
    scores = records[0]["scores"]
    markers = f"{scores['marker_false_negatives']} / {scores['marker_false_positives']}"
    seconds = f"{np.mean([r['seconds'] for r in records]):.0f}"
    return "| " + " | ".join([shown, str(scores["n_true"]), *cells, *baselines, markers, seconds]) + " |"


if __name__ == "__main__":
    print(tables(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
