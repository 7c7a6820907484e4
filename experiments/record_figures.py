"""Figures of docs/results that show scores of experiments/records.

    python experiments/record_figures.py

Writes docs/images/no-labels.svg, study-nuclei-fields.svg and study-raw-fields.svg; the other figures there are those that their studies drew.
"""

from pathlib import Path
from typing import Any

import numpy as np
from real_fields import read_lines
from self_training_tables import RECORD, ROWS, scores_of

from frugalseg.studies.figures.plot_style import COLOURS, finish_plot, new_figure, plot_style
from frugalseg.studies.figures.plots import draw_fields
from frugalseg.studies.scores.score_rows import read_rows

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"

#: Method of the record -> its name, its colour, and whether its marker is filled.
LOOKS = {
    "baseline": ("best classical method", COLOURS[6], True),
    "plain": ("student, image alone", COLOURS[0], False),
    "nuclei": ("student, with nuclei", COLOURS[0], True),
}


def students_and_classical(rows: list[dict[str, Any]]) -> bytes:
    """Return a figure (SVG): mAP of each kind of cells, the mean of its fields as a marker, and each field as a dot."""
    names = list(ROWS)
    with plot_style():
        figure = new_figure(4.2, width=6.5)
        axes = figure.add_subplot()
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        for step, (method, (label, colour, filled)) in enumerate(LOOKS.items()):
            found = [scores_of(rows, *ROWS[name], method)[..., 1].mean(axis=1) for name in names]
            heights = np.arange(len(names)) + 0.24 * (step - 1)
            face = colour if filled else "white"
            for height, values in zip(heights, found, strict=True):
                axes.plot(values, [height] * len(values), ".", color=colour, alpha=0.35, markersize=4)
            means = [values.mean() for values in found]
            axes.plot(means, heights, "so"[step > 0], color=colour, markerfacecolor=face, label=label)
        axes.set_yticks(range(len(names)), [name.replace("`", "") for name in names])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.set_xlabel("mAP of whole cells, nothing outlined")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return finish_plot(figure, "no-labels", "", "").svg


def fields_of_starts(record: str, budget: str, names: dict[str, str]) -> bytes:
    """Return a figure (SVG): mAP of each test field for each start, after learning from one budget of labels."""
    rows = read_rows(RECORD.parent / record)
    chosen = [row for row in rows if (row.metric, row.budget) == ("mAP", budget) and row.arm in names]
    found = draw_fields("", chosen, names, "", "")
    assert found is not None
    return found.svg


def main() -> None:
    """Draw the figures, each from its record."""
    nuclei = {"imagenet": "ImageNet", "stain": "stain, 600 steps", "stain_long": "stain, 8192 steps"}
    cells = {"nothing": "random weights", "imagenet": "ImageNet", "nuclear_stain": "nuclear stain"}
    cells |= {"cell_stain": "whole-cell stain", "cell_stain_log": "its logarithm"}
    figures = {
        "no-labels": students_and_classical(read_lines(RECORD)),
        "study-nuclei-fields": fields_of_starts("laptop_stain_amount.csv", "1 field", nuclei),
        "study-raw-fields": fields_of_starts("laptop_stain_kind_raw.csv", "1 field", cells),
    }
    for name, svg in figures.items():
        (IMAGES / f"{name}.svg").write_bytes(svg)


if __name__ == "__main__":
    main()
