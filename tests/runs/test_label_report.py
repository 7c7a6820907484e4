"""What is said of a model that was learned from labels: what was held out counts, not what it has seen."""

import numpy as np
import pytest

import frugalseg as fs
from frugalseg.models.model_parts import ObjectPartScore, Role
from frugalseg.report import Report
from frugalseg.report.headline import headline_tiles
from frugalseg.runs.label_report import part_page, scores_line

TRUTH = np.kron(np.array([[1, 0], [0, 2]]), np.ones((8, 8), int)).astype(np.uint32)


def part(role: Role, found: int) -> ObjectPartScore:
    """A part of which so many of the two cells are found, exactly."""
    labels = np.where(found >= TRUTH, TRUTH, 0).astype(np.uint32)
    planes = np.zeros((1, *TRUTH.shape), np.float32)
    return ObjectPartScore(
        f"{role} {found}", role, found / 4, fs.score_labels(TRUTH, labels), planes, TRUTH, labels
    )


SEEN, NEW = part("learned from", 2), part("held out", 1)


@pytest.mark.parametrize(
    ("parts", "tiles", "line"),
    [
        (
            [NEW, SEEN],
            [
                ("2 parts",),
                ("0.500", "mean cell IoU", "against truth, held out"),
                ("0.500", "mAP", "against truth, held out"),
            ],
            "mAP 0.500 on what was held out",
        ),
        (
            [SEEN],
            [
                ("1 part",),
                ("1.000", "mean cell IoU", "against truth, learned from"),
                ("1.000", "mAP", "against truth, learned from"),
            ],
            "mAP 1.000 on what was learned from, as nothing was held out",
        ),
    ],
)
def test_scores_are_those_of_what_was_held_out(
    parts: list[ObjectPartScore], tiles: list[tuple[str, ...]], line: str
) -> None:
    found = headline_tiles(Report(title="t", fields=[part_page(one) for one in parts]), [[]])
    assert [(found[0].note,), *(tuple(tile) for tile in found[1:])] == tiles
    assert scores_line(parts, "cells") == line
    assert scores_line(parts, "nuclei") == f"mask IoU {0.25 if len(parts) > 1 else 0.5:.3f}, {line}"
