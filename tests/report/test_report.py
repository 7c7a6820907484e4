"""Reports of cells: their numbers, their layers, that no text breaks out, and once in a real browser."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from frugalseg.cues.quality import CueQuality
from frugalseg.errors import OutputExists, WrongShape
from frugalseg.evaluation.measurements import measure_cells
from frugalseg.evaluation.scores import Scores
from frugalseg.report import (
    FieldReport,
    Report,
    TrainingCurve,
    preview,
    render_report,
    write_report,
)
from frugalseg.report.charts import Series, histogram, line_chart, running_mean
from frugalseg.report.cue_table import cue_table
from frugalseg.report.field_section import field_section
from frugalseg.report.pixel_layers import shrink
from frugalseg.report.score_table import counts_table, gap, mean_scores, methods_table
from frugalseg.report.svg_outlines import PALETTE, outlines


def scores(cell_miou: float, mean_ap: float, f1: float, ap: dict[float, float]) -> Scores:
    """Scores of which those that no test looks at are 0.5."""
    others = dict.fromkeys(
        ["matched_miou", "two_class_miou", "precision", "recall", "aji", "pq", "sq", "rq", "foreground_iou"],
        0.5,
    )
    counts = {"n_true": 12, "n_predicted": 11, "marker_false_negatives": 1, "marker_false_positives": None}
    return Scores(cell_miou=cell_miou, mAP=mean_ap, f1=f1, ap=ap, f1_at={0.5: f1}, **others, **counts)


SCORES = scores(0.74, 0.41, 0.9, {0.5: 0.8, 0.75: 0.4, 0.95: 0.03})
BASELINES = {
    "Voronoi": scores(0.60, 0.43, 0.3, {0.5: 0.7, 0.75: 0.2, 0.95: 0.0}),
    "propagation": scores(0.66, 0.28, 0.4, {0.5: 0.75, 0.75: 0.25, 0.95: 0.01}),
}
QUALITY = CueQuality(
    n_markers=12,
    markers_per_megapixel_foreground=1736.1,
    median_spacing=24.0,
    foreground_fraction=0.5773,
    foreground_without_marker=0.031,
    markers_outside_foreground=0,
)
EVIL = "</script></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"


def cells(rows: int = 3, columns: int = 4, pitch: int = 24, gap_px: int = 0) -> np.ndarray:
    """Blocks in a grid, touching where `gap_px` is 0, with a margin of background around them."""
    ids = np.arange(1, rows * columns + 1).reshape(rows, columns)
    blocks = ids.repeat(pitch, 0).repeat(pitch, 1).astype(np.uint32)
    ys, xs = np.indices(blocks.shape)
    blocks[(ys % pitch < gap_px) | (xs % pitch < gap_px)] = 0
    return np.pad(blocks, 12)


def one_field(name: str = "A1", **changes: object) -> FieldReport:
    labels = cells()
    grid = [(24 + 24 * r, 24 + 24 * c) for r in range(3) for c in range(4)]
    noise = np.random.default_rng(0).normal(40, 5, labels.shape) + 20 * (labels > 0)
    given: dict[str, object] = {
        "name": name,
        "image": preview(noise),
        "labels": labels,
        "markers": np.array(grid, float),
        "nuclei": preview(np.where(labels > 0, noise, 0), gamma=0.6),
        "foreground": labels > 0,
        "truth": labels,
        "cue_quality": QUALITY,
        "scores": SCORES,
        "baselines": BASELINES,
        "pixel_size": (0.5, 0.5),
        "seconds": 61.0,
    }
    return FieldReport(**{**given, **changes})  # type: ignore[arg-type]


def one_report(*fields: FieldReport, **changes: object) -> Report:
    curve = TrainingCurve(
        name="A1",
        steps=range(1, 101),
        losses=np.linspace(0, -5000, 100).tolist(),
        terms={"overlap": np.linspace(9, 4, 100).tolist()},
        stopped_because="the loss was stable",
    )
    given: dict[str, object] = {
        "title": "Cells without a label",
        "command": "frugalseg segment a.tif --cells phase -o out",
        "settings": {"loss": {"beta": 15}, "diameter": None},
        "versions": {"frugalseg": "0.1.0"},
        "seeds": [3],
        "started": "2026-01-02 03:04",
        "seconds": 3725.0,
        "warnings": ["The diameter was estimated."],
        "fields": list(fields or [one_field()]),
        "training": [curve],
    }
    return Report(**{**given, **changes})  # type: ignore[arg-type]


class Page(HTMLParser):
    """Every tag with its attributes, and the visible text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.raw = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.raw = False

    def handle_data(self, data: str) -> None:
        if not self.raw:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str, **attributes: str) -> int:
        return sum(t == tag and all(a.get(k) == v for k, v in attributes.items()) for t, a in self.tags)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_report(one_report()))


def test_numbers_are_in_the_page(page: Page) -> None:
    for part in (
        "12 cells",
        "+0.080 to the best baseline",
        "1 h 2 min",
        "2026-01-02 03:04",
        "57.7%",
        "24.0 px",
    ):
        assert part in page.text, part
    # Blocks of 24 px: the disk of the same area has a diameter of 27.08 px = 13.5 um.
    assert "13.5 µm" in page.text
    assert "median 27.1 px" in page.text
    assert "ended at −4,949 after 100 steps; stopped because the loss was stable" in page.text
    assert "The diameter was estimated." in page.text
    assert "loss.beta 15" in page.text
    assert "diameter –" in page.text


def test_a_mean_over_fields_says_that_each_has_a_best_baseline_of_its_own() -> None:
    page = Page(render_report(one_report(one_field("A1"), one_field("A2"))))
    assert "+0.080 to each field's best baseline" in page.text
    assert "of 2 fields" not in page.text
    some = Page(render_report(one_report(one_field("A1"), replace(one_field("A2"), baselines={}))))
    assert "+0.080 to each field's best baseline, 1 of 2 fields" in some.text


def test_viewer_has_every_layer(page: Page) -> None:
    toggles = [a["data-layer"] for t, a in page.tags if t == "button" and "data-layer" in a]
    assert toggles == ["image", "nuclei", "cells", "markers", "foreground", "truth"]
    assert page.count("img") == 3
    drawn = [a for t, a in page.tags if t == "path" and "data-c" in a]
    assert sorted(int(a["data-c"] or 0) for a in drawn) == list(range(1, 13))
    assert {a["data-a"] for a in drawn} == {"576"}
    markers = next(a for t, a in page.tags if t == "path" and a.get("class") == "markers")
    assert (markers["d"] or "").count("M") == 12
    assert (markers["d"] or "").startswith("M24.5 24.5h0M48.5 24.5h0")
    truth = next(a for t, a in page.tags if t == "path" and a.get("class") == "truth")
    assert (truth["d"] or "").count("z") == 12


def test_layers_left_out_have_no_toggle() -> None:
    bare = one_field(
        nuclei=None, foreground=None, truth=None, markers=[], cue_quality=None, scores=None, baselines={}
    )
    page = Page(render_report(one_report(bare)))
    assert [a["data-layer"] for t, a in page.tags if t == "button" and "data-layer" in a] == [
        "image",
        "cells",
    ]
    for absent in ("Against the truth", "Cues", "mean cell IoU"):
        assert absent not in page.text


def test_nothing_is_loaded_from_elsewhere() -> None:
    text = render_report(one_report())
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text)
    for tag, attributes in Page(text).tags:
        assert tag not in ("iframe", "object", "embed", "base")
        for name in ("src", "srcset", "href", "data", "action", "poster"):
            value = attributes.get(name) or "#"
            assert value.startswith(("data:", "#")), (tag, name, value[:60])


def test_text_cannot_break_out() -> None:
    evil_field = one_field(
        EVIL,
        warnings=[EVIL],
        cue_quality=QUALITY.model_copy(update={"warnings": (EVIL,)}),
        baselines={EVIL: BASELINES["Voronoi"]},
    )
    evil = one_report(
        evil_field,
        one_field(),
        title=EVIL,
        command=EVIL,
        settings={EVIL: {EVIL: EVIL}},
        versions={EVIL: EVIL},
        warnings=[EVIL],
        notes=[EVIL],
        started=EVIL,
        training=[
            TrainingCurve(name=EVIL, steps=[1, 2], losses=[1, 2], terms={EVIL: [1, 2]}, stopped_because=EVIL)
        ],
    )
    clean, dirty = Page(render_report(one_report(one_field(), one_field()))), Page(render_report(evil))
    for tag in ("script", "style"):
        assert dirty.count(tag) == clean.count(tag) == 1
    assert not [a for _, a in dirty.tags if "onerror" in a]
    assert dirty.text.count(EVIL) >= 12
    assert "49" not in html.unescape(dirty.text).split(EVIL)[1]


def test_file_names_that_are_no_text_are_written(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", one_report(one_field("bad \udcff name")))
    assert "bad ? name" in (tmp_path / "report.html").read_text("utf-8")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.html"
    write_report(path, one_report())
    with pytest.raises(OutputExists):
        write_report(path, one_report(title="second"))
    write_report(path, one_report(title="second"), overwrite=True)
    assert "<title>second</title>" in path.read_text("utf-8")
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]


def test_only_the_first_twelve_fields_have_a_viewer() -> None:
    report = one_report()
    report.fields.clear()
    for i in range(15):
        report.add(one_field(f"well {i:02}"))
    assert [field.condensed for field in report.fields] == [False] * 12 + [True] * 3
    page = Page(render_report(report))
    assert page.count("div", **{"class": "stage"}) == 12
    assert page.count("article", **{"class": "mini"}) == 3
    assert "The first 12 fields have a viewer" in page.text
    assert page.text.startswith("Cells without a label frugalseg report Cells without a label")
    assert "180 cells 15 fields" in page.text
    anchors = {a.get("id") for _, a in page.tags}
    links = [(a["href"] or "")[1:] for t, a in page.tags if t == "a"]
    assert len(links) == 15
    assert set(links) <= anchors


def test_a_condensed_field_keeps_its_numbers() -> None:
    full = one_field(
        labels=cells(20, 30), **dict.fromkeys(("nuclei", "foreground", "truth")), image=np.zeros((504, 744))
    )
    small = full.condense()
    assert (full.n_cells, small.n_cells) == (600, 600)
    assert max(small.labels.shape) <= 360
    assert small.measurements is not None
    assert {row["area"] for row in small.measurements} == {576}


def test_pictures_shrink_until_they_fit() -> None:
    rng = np.random.default_rng(1)
    labels = np.zeros((2200, 1500), np.uint32)
    labels[100:200, 100:200] = 1
    image = rng.integers(0, 255, labels.shape, dtype=np.uint8)
    wide = FieldReport(name="noise", image=image, labels=labels)
    text = render_report(Report(title="t", fields=[wide]))
    assert len(text) < 14_000_000
    assert "Pictures are shrunk to 93% of 1500 × 2200 px" in Page(text).text
    assert 'data-width="1500" data-height="2200"' in text
    assert max(shrink(image, 1000).shape) == 1000


def test_very_many_cells_are_drawn_as_pixels() -> None:
    labels = cells(80, 60, 8, gap_px=2)
    text = render_report(
        Report(title="t", fields=[FieldReport(name="w", image=np.zeros(labels.shape), labels=labels)])
    )
    assert "Outlines of 4,800 cells are drawn as pixels" in Page(text).text
    assert "data-c=" not in text
    assert 'class="layer cells"' in text


def test_very_many_true_cells_and_markers_are_pixels_too() -> None:
    labels = cells(80, 60, 8, gap_px=2)
    few = np.where(labels <= 9, labels, 0)
    ys, xs = np.mgrid[3:9, 0:800]
    markers = np.stack([ys.ravel(), xs.ravel()], axis=1).astype(float)[:4801]
    crowded = FieldReport(name="w", image=np.zeros(labels.shape), labels=few, truth=labels, markers=markers)
    text = render_report(Report(title="t", fields=[crowded]))
    assert text.count("data-c=") == 9
    assert 'class="layer truth"' in text
    assert 'class="layer markers"' in text
    assert '<path class="truth"' not in text
    assert '<path class="markers"' not in text


def test_a_reduced_picture_tells_the_numbers_of_its_image() -> None:
    labels = np.zeros((100, 200), int)
    labels[20:70, 50:100] = 3
    full = np.kron(labels, np.ones((8, 8), int))
    field = FieldReport(
        name="a",
        image=np.zeros(labels.shape),
        labels=labels,
        measurements=measure_cells(full, pixel_size=(0.5, 0.25)),
        pixel_size=(0.5, 0.25),
        full_shape=full.shape,
    )
    text = render_report(Report(title="t", fields=[field]))
    assert "1600 × 800 px" in Page(text).text
    assert "0.5 × 0.25 µm per px (y, x)" in Page(text).text
    assert 'data-c="3" data-a="160000"' in text
    width = np.sqrt(4 * 400 * 400 / np.pi)
    assert 'data-times="8.0"' in text
    assert f'data-cell="{width / 8:.1f}"' in text


def test_markers_far_from_the_corner_keep_their_place() -> None:
    field = FieldReport(
        name="a",
        image=np.zeros((4, 20000)),
        labels=np.zeros((4, 20000), int),
        markers=np.array([[3.0, 12345.0]]),
    )
    assert "M12345.5 3.5h0" in render_report(Report(title="t", fields=[field]))


def test_layers_of_one_field_must_fit_and_curves_too() -> None:
    with pytest.raises(WrongShape, match="'A1'"):
        one_field(truth=np.zeros((3, 3)))
    with pytest.raises(WrongShape, match="100 steps and 2 values for overlap"):
        TrainingCurve(name="x", steps=range(100), losses=range(100), terms={"overlap": [1, 2]})


def test_a_field_without_cells_is_shown() -> None:
    empty = FieldReport(name="empty", image=np.zeros((20, 30)), labels=np.zeros((20, 30), np.uint16))
    text = Page(render_report(Report(title="t", fields=[empty, empty]))).text
    assert "0 cells 2 fields" in text
    assert "0 cells · 30 × 20 px · median diameter –" in text
    assert "0 cells" in Page(render_report(Report(title="nothing"))).text


def test_preview_stretches_each_channel() -> None:
    ramp = np.arange(101.0).reshape(1, 1, 101)
    assert preview(ramp, low=10, high=90)[0, [0, 10, 50, 90, 100]].tolist() == [0, 0, 128, 255, 255]
    assert preview(ramp, low=0, high=100, gamma=0.5)[0, 25] == 128
    two = preview(np.concatenate([ramp, ramp[..., ::-1]]), low=0, high=100)
    assert two.shape == (1, 101, 3)
    assert two[0, -1].tolist() == [89, 255, 115]
    assert two[0, 0].tolist() == [255, 64, 217]
    unusual = np.array([[np.nan, 0.0, 1.0, np.inf]])
    assert preview(unusual, low=0, high=100).tolist() == [[0, 0, 255, 0]]
    assert preview(np.full((2, 2), 7)).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(WrongShape):
        preview(np.zeros(5))


def test_best_method_and_difference() -> None:
    table = methods_table(SCORES, BASELINES)
    rows = {row.name: row.cells[:4] for row in table.rows}
    assert rows["frugalseg"] == [("0.740", True), ("0.410", False), ("0.900", True), ("0.500", True)]
    assert rows["Voronoi"] == [("0.600", False), ("0.430", True), ("0.300", False), ("0.500", True)]
    assert [row.own for row in table.rows] == [True, False, False]
    assert table.gaps[:3] == [("+0.080", True), ("−0.020", False), ("+0.500", True)]
    assert methods_table(SCORES, {}).gaps == []
    assert gap(SCORES, {}, "cell_miou") is None
    assert gap(None, BASELINES, "cell_miou") is None


def test_means_of_scores_and_sums_of_counts() -> None:
    mean = mean_scores([SCORES, BASELINES["Voronoi"]])
    assert mean.cell_miou == pytest.approx(0.67)
    assert mean.ap == pytest.approx({0.5: 0.75, 0.75: 0.3, 0.95: 0.015})
    assert counts_table(mean) == [
        ("True cells", "24"),
        ("Found cells", "22"),
        ("True cells without a marker", "2"),
    ]


def test_cues_in_plain_words() -> None:
    sound = cue_table(QUALITY.model_copy(update={"n_markers": 1200, "median_spacing": None}))
    assert sound.verdict.startswith("The cues are sound")
    assert [row.value for row in sound.rows] == ["1,200", "1,736", "–", "57.7%", "3.1%", "0"]
    doubt = cue_table(QUALITY.model_copy(update={"warnings": ("few", "far")}))
    assert (doubt.warnings, doubt.verdict[:8]) == (("few", "far"), "2 things")


def test_charts_place_values() -> None:
    chart = line_chart("t", [Series("a", [0, 10, np.nan], [0, 1, 5])], "x", y_range=(0, 1))
    assert chart is not None
    assert chart.lines[0].path == "M42.0 166.0L330.0 10.0"
    assert [label for _, label in chart.x.labels] == ["0", "2", "4", "6", "8", "10"]
    assert chart.x.labels[1][0] == pytest.approx(42 + 288 / 5)
    assert line_chart("t", [Series("a", [np.nan], [1])], "x") is None
    bars = histogram("t", np.array([1.0, 1, 1, 9]), "x", span=(0, 10))
    assert bars is not None
    assert [bar.tip for bar in bars.bars if bar.height > 0] == ["1 to 2: 3 cells", "9 to 10: 1 cell"]
    assert sum(bar.height for bar in bars.bars) == pytest.approx(156 * 4 / 3)
    assert bars.mark == (pytest.approx(42 + 28.8), "median 1")
    true = histogram("t", np.array([1.0, 1, 1, 9]), "x", np.array([0.5]), span=(0, 10))
    assert true is not None
    assert true.lines[0].path.startswith("M42.0 114.0L70.8 114.0L70.8 166.0L")
    assert running_mean([1, 1, 1, 1]) == [1, 1, 1, 1]
    assert running_mean(range(100))[50] == 50


PROBE = """<script>
const seen = [], failed = [];
addEventListener("error", event => failed.push(event.message));
addEventListener("securitypolicyviolation", event => failed.push(event.blockedURI));
addEventListener("load", () => {
  const viewer = document.querySelector(".viewer"), stage = viewer.querySelector(".stage");
  const world = viewer.querySelector(".world"), state = () => seen.push(world.style.transform);
  const cells = () => getComputedStyle(viewer.querySelector("g.cells")).display;
  const at = stage.getBoundingClientRect(), middle = {clientX: at.left + at.width / 2, clientY: at.top + at.height / 2};
  state();
  stage.dispatchEvent(new WheelEvent("wheel", {deltaY: -120, cancelable: true, ...middle})); state();
  stage.dispatchEvent(new PointerEvent("pointermove", {pointerId: 1, ...middle}));
  stage.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"})); state();
  stage.dispatchEvent(new MouseEvent("dblclick")); state();
  seen.push(viewer.querySelector(".hint").textContent, cells());
  viewer.querySelector("[data-layer=cells]").click();
  seen.push(cells(), viewer.querySelector("[data-layer=cells]").getAttribute("aria-pressed"));
  stage.dispatchEvent(new KeyboardEvent("keydown", {key: "o"})); seen.push(cells());
  seen.push(String(document.querySelectorAll(".viewer.ready").length), failed.join() || "no error");
  document.body.insertAdjacentHTML("beforeend", "<pre id=probe></pre>");
  document.getElementById("probe").textContent = seen.join("|");
});
</script></head>"""


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 100], ids=["whole", "reduced"])
def test_browser_runs_the_viewer(tmp_path: Path, browse: Callable[..., str], times: int) -> None:
    path, field = tmp_path / "probe.html", one_field(EVIL)
    field.full_shape = (field.labels.shape[0] * times, field.labels.shape[1] * times)
    path.write_text(render_report(one_report(field)).replace("</head>", PROBE, 1), "utf-8")
    dom = browse(path, "--dump-dom")
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom)
    assert found, dom[-2000:]
    fitted, wheeled, moved, reset, hint, before, hidden, pressed, shown, ready, errors = found[1].split("|")
    numbers = [
        [float(v) for v in re.findall(r"-?[\d.]+", state)] for state in (fitted, wheeled, moved, reset)
    ]
    assert numbers[1][2] == pytest.approx(numbers[0][2] * np.exp(120 / 400), rel=1e-3)
    assert numbers[2] == pytest.approx([numbers[1][0] + 40, *numbers[1][1:]], abs=0.01)
    assert reset == fitted
    hundreds = "00" if times == 100 else ""
    assert re.fullmatch(rf"y 4\d{hundreds}, x (59|60|61){hundreds}.*", hint)
    assert (before, hidden, pressed, shown, ready, errors) == (
        "inline",
        "none",
        "false",
        "inline",
        "1",
        "no error",
    )


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_browser_shows_outlines(tmp_path: Path, browse: Callable[..., str], dark: bool) -> None:
    path, shot = tmp_path / "report.html", tmp_path / "shot.png"
    write_report(path, one_report())
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    browse(path, f"--screenshot={shot}", *scheme)
    pixels = cv2.imread(str(shot))[..., ::-1].astype(int)
    assert pixels.shape == (1500, 1000, 3)
    corner = pixels[5, 5]
    assert (corner.max() < 40) if dark else (corner.min() > 230)
    used = {outline.colour for outline in outlines(cells())}
    assert len(used) >= 3
    for colour in used:
        near = np.abs(pixels - list(bytes.fromhex(PALETTE[colour][1:]))).max(-1) < 24
        assert near.sum() > 100, PALETTE[colour]
    markers = np.abs(pixels - list(bytes.fromhex("ff4f5e"))).max(-1) < 24
    parts = cv2.connectedComponentsWithStats(markers.astype(np.uint8))[2][1:]
    assert (parts[:, cv2.CC_STAT_AREA] >= 9).sum() >= 12


def test_a_condensed_field_keeps_its_truth_in_the_histograms_of_all() -> None:
    """Beyond twelve fields the layers are gone, and the true cells counted as if there were none."""
    truth = np.kron(np.eye(3, dtype=int) * [1, 2, 3], np.ones((6, 6), int))
    whole = FieldReport(name="a", image=np.zeros((18, 18)), labels=truth, truth=truth)
    small = whole.condense()
    assert small.truth is None
    assert [row["area"] for row in small.true_measurements or ()] == [36, 36, 36]
    section = field_section(small, "f", 0, 0)
    assert [row["equivalent_diameter"] for row in section.true_rows or ()] == pytest.approx(
        [6.77] * 3, abs=0.01
    )
