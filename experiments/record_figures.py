"""Figures of docs/results that show scores of experiments/records.

    python experiments/record_figures.py

Writes study-nuclei-fields.svg and study-raw-fields.svg into docs/images; the other figures there are those that their studies drew.
"""

from pathlib import Path

from frugalseg.studies.figures.plots import draw_fields
from frugalseg.studies.scores.score_rows import read_rows

ROOT = Path(__file__).resolve().parents[1]


def fields_of_starts(record: str, budget: str, names: dict[str, str]) -> bytes:
    """Return a figure (SVG): mAP of each test field for each start, after learning from one budget of labels."""
    rows = read_rows(ROOT / "experiments" / "records" / record)
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
        "study-nuclei-fields": fields_of_starts("laptop_stain_amount.csv", "1 field", nuclei),
        "study-raw-fields": fields_of_starts("laptop_stain_kind_raw.csv", "1 field", cells),
    }
    for name, svg in figures.items():
        (ROOT / "docs" / "images" / f"{name}.svg").write_bytes(svg)


if __name__ == "__main__":
    main()
