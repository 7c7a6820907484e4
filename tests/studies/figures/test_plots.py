"""Figures: what is drawn where, as PNG and as SVG whose text is text."""

import io
import re
import warnings

import numpy as np
import pytest
from PIL import Image

from frugalseg.evaluation.intervals import Interval
from frugalseg.studies.figures import plots
from frugalseg.studies.figures.example_panels import (
    Example,
    busiest_window,
    draw_examples,
    find_examples,
    outlined,
)
from frugalseg.studies.figures.plot_style import look_of, new_figure
from frugalseg.studies.figures.plots import draw_bars, draw_fields, draw_label_curves, draw_step_curves
from frugalseg.studies.figures.score_axes import draw_interval
from frugalseg.studies.scores.curves import find_curves

WORDS = {"imagenet": "ImageNet", "student": "the self-trained student"}


def texts(svg: bytes) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg.decode())


@pytest.fixture
def points(make_rows):
    scores = {
        ("imagenet", "1 crop", 46): {"x": [0.2, 0.3], "y": [0.9, 0.8]},
        ("imagenet", "4 fields", 410): {"x": [0.5, 0.6], "y": [0.9, 0.8]},
        ("student", "1 crop", 46): {"x": [0.6, 0.7], "y": [0.9, 0.8]},
    }
    rows = [*make_rows(scores), *make_rows({("student", "nothing", 0): {"x": [0.4], "y": [0.5]}}, steps=0)]
    return find_curves(rows, "cells", "mAP")


def test_curves_say_what_they_show_and_are_the_same_each_time(points):
    plot = draw_label_curves("curves_cells", points, WORDS, 200, "cells")
    image = Image.open(io.BytesIO(plot.png))
    assert image.width == 700  # one column of 3.5 inches
    said = texts(plot.svg)
    for text in (
        "ImageNet",
        "self-trained student",
        "outlined cells",
        "mAP",
        "46",
        "410",
        "1 crop",
        "nothing",
    ):
        assert text in said
    assert "95 % intervals over 2 test fields (thin bars), 1 to 2 seeds (thick bars)" in said
    assert plot.caption.startswith(
        "mAP against labels after 200 steps, mean over 2 test fields of means over 1 to 2 seeds."
    )
    assert draw_label_curves("curves_cells", points, WORDS, 200, "cells") == plot


def test_budgets_of_nearly_as_many_objects_share_a_label(make_rows):
    scores = {
        ("imagenet", "1 crop", 20): {"x": [0.2, 0.3]},
        ("imagenet", "1 field", 180): {"x": [0.3, 0.4]},
        ("imagenet", "2 fields", 202): {"x": [0.4, 0.5]},
        ("imagenet", "4 fields", 402): {"x": [0.5, 0.6]},
    }
    said = texts(
        draw_label_curves("c", find_curves(make_rows(scores), "cells", "mAP"), WORDS, 200, "cells").svg
    )
    assert [one for one in said if one in ("20", "180", "202", "180, 202", "402")] == [
        "20",
        "180, 202",
        "402",
    ]
    assert "1 field, 2 fields" in said


def test_without_intervals_the_caption_says_so(make_rows):
    points = find_curves(make_rows({("a", "1 crop", 46): {"x": [0.5]}}), "cells", "mAP")
    plot = draw_label_curves("curves", points, {}, 200, "cells")
    assert (
        "No interval over test fields, as there is one; no interval over seeds, as there is one."
        in plot.caption
    )
    assert "1 test field, 1 seed" in texts(plot.svg)


def test_intervals_are_cut_off_where_scores_end():
    axes = new_figure(2).subplots()
    draw_interval(axes, "y", 3.0, Interval(0.6, -0.4, 1.6, 2), 0.6, "#000000", 1)
    draw_interval(axes, "x", 1.0, Interval(0.6, 0.5, 0.7, 9), 0.6, "#000000", 1)
    draw_interval(axes, "y", 2.0, Interval(0.6, None, None, 1), 0.6, "#000000", 1)
    upright, level = (collection.get_segments()[0].tolist() for collection in axes.collections)
    assert upright == [[3.0, 0.0], [3.0, 1.0]]
    assert level == [[0.5, 1.0], [0.7, 1.0]]


def test_no_bar_leaves_the_picture(make_rows, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "finish_plot", lambda figure, *_: drawn.append(figure))
    # The seeds' interval, 0.5 +- 12.7 * 0.01, is wider than that over fields.
    points = find_curves(
        make_rows({("a", "1 crop", 9): {"x": [0.49, 0.51], "y": [0.49, 0.51]}}), "cells", "mAP"
    )
    plots.draw_label_curves("curves", points, {}, 200, "cells")
    low, high = drawn[0].axes[0].get_ylim()
    assert low < points[0].seeds.low < points[0].seeds.high < high
    assert 0.3 < low < high < 0.7


def test_no_name_leaves_the_picture(points, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "finish_plot", lambda figure, *_: drawn.append(figure))
    long = {"imagenet": "stain model 'nuclear_stain'", "student": "stain model 'cell_stain_log'"}
    for words in (WORDS, long):
        plots.draw_label_curves("curves", points, words, 200, "cells")
    rows = []
    for figure in drawn:
        figure.draw_without_rendering()
        (legend,) = figure.legends
        extents = [one.get_window_extent() for one in (legend, *legend.get_texts())]
        assert all(0 <= one.x0 < one.x1 <= figure.bbox.x1 for one in extents)
        rows.append(len({round(one.y0) for one in extents[1:]}))
    assert rows == [1, 2]  # short names stand beside each other


def test_long_names_and_scores_below_0_stay_in_the_picture(make_rows, monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "finish_plot", lambda figure, *_: drawn.append(figure))
    arms = ["a" * 59, "b_" * 29]
    rows = make_rows({(arm, "", 0): {"x": [-0.6], "y": [0.9]} for arm in arms}, metric="pcc")
    points = find_curves(rows, "cells", "pcc")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.draw_bars("bars", points, rows, {})
        plots.draw_fields("fields", rows, {}, "title", "caption")
        plots.draw_step_curves("steps", points, {})
        for figure in drawn:
            figure.draw_without_rendering()
    assert drawn[0].axes[0].get_xlim()[0] <= -0.6
    for figure in drawn:
        ticks = [*figure.axes[0].get_xticklabels(), *figure.axes[0].get_yticklabels()]
        named = [one for one in ticks if "a" in one.get_text() or "b" in one.get_text()]
        legends = [text for legend in figure.legends for text in legend.get_texts()]
        for text in (*named, *legends):
            extent = text.get_window_extent()
            assert -1 <= extent.x0 < extent.x1 <= figure.bbox.x1 + 1


def test_a_field_may_have_dollars_in_its_name(cells_data):
    image, labels = cells_data.plane("a", "phase"), cells_data.labels("a", "cells")
    plot = draw_examples(
        "examples", [Example("A$1_$2", image, labels, {"arm": labels})], {}, "Examples", "caption"
    )
    assert "A$1_$2" in texts(plot.svg)


def test_bars_fields_and_steps_are_drawn(make_rows):
    arms = {(name, "", 0): {"x": [0.2, 0.3], "y": [0.6, 0.7]} for name in ("cut", "student")}
    rows = make_rows(arms, task="table", metric="cell_miou", steps=0)
    bars = draw_bars("bars", find_curves(rows, "table", "cell_miou"), rows, {"cut": "'cut'"})
    assert {"cut", "student", "mean cell IoU"} <= set(texts(bars.svg))
    fields = draw_fields("fields", rows, {}, "title", "caption")
    assert (fields.title, {"cut", "student"} <= set(texts(fields.svg))) == ("title", True)
    assert draw_fields("fields", [row for row in rows if row.arm == "cut"], {}, "t", "c") is None
    rows = [row for steps in (128, 256, 1024) for row in make_rows(arms, metric="pcc", steps=steps)]
    steps = draw_step_curves("steps", find_curves(rows, "cells", "pcc"), {})
    assert {"128", "256", "1024", "training steps", "PCC"} <= set(texts(steps.svg))


def test_the_part_that_is_shown_holds_the_most_true_objects():
    truth = np.full((300, 300), -1)
    truth[:200] = 0
    truth[2:10, 2:10] = 1
    truth[200:208, 150:158], truth[204:212, 170:178], truth[230:238, 160:168] = 2, 3, 4
    rows, columns = busiest_window(truth)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (
        81,
        81,
    )  # nine diameters of a disk of 64 px
    assert set(np.unique(truth[rows, columns])) >= {2, 3, 4}
    assert busiest_window(np.zeros((50, 60))) == (slice(None), slice(None))


def test_outlines_are_the_border_pixels_of_each_object():
    labels = np.zeros((7, 9), int)
    labels[1:6, 1:4], labels[1:6, 4:8], labels[0, 0] = 1, 2, -1
    picture = outlined(np.full((7, 9), 100, np.uint8), labels, (255, 0, 0))
    red = (picture == (255, 0, 0)).all(axis=2)
    inside = np.zeros((7, 9), bool)
    inside[2:5, 2], inside[2:5, 5:7] = True, True
    assert np.array_equal(red, (labels > 0) & ~inside)
    assert set(picture[~red].ravel()) == {100}


def test_examples_are_fields_in_which_every_arm_wrote_labels(make_rows, cells_data, tmp_path):
    from frugalseg.images.write import write_labels

    rows = make_rows(
        {(arm, "1 crop", 9): {field: [0.5, 0.6] for field in "abc"} for arm in ("imagenet", "stain")}
    )
    shifted = np.roll(cells_data.labels("b", "cells"), 3, 0)
    for row in rows:
        if row.field != "c" and (row.field, row.arm) != ("a", "stain"):
            labels = shifted if row.seed == 0 else np.zeros_like(shifted)
            write_labels(tmp_path / "runs" / row.run / f"{row.field}_labels.tif", labels)
    inputs = {"imagenet": "phase", "stain": "phase"}
    [example] = find_examples(rows, cells_data, inputs, "cells", tmp_path)
    assert example.name == "b"
    assert all(np.array_equal(labels, shifted) for labels in example.found.values())  # of the first seed
    plot = draw_examples("examples", [example, example], {"stain": "the stain model"}, "Examples", "caption")
    said = texts(plot.svg)
    assert (said.count("b"), said.count("truth"), said.count("stain model")) == (2, 2, 2)
    assert draw_examples("examples", [], {}, "Examples", "caption") is None
    assert isinstance(example, Example)


def test_no_two_of_many_lines_look_alike() -> None:
    assert len({look_of(number) for number in range(49)}) == 49
    assert [look_of(number)[1] for number in range(7)] == list("osD^vPX")
