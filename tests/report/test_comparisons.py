"""Comparisons and tables of a report: numbers, pictures, size of the file, and once in a real browser."""

import base64
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from frugalseg.errors import WrongShape
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.report import (
    Comparison,
    FieldReport,
    NumberTable,
    Report,
    TrainingCurve,
    render_report,
    write_report,
)
from frugalseg.report.charts import DENSITY_CELLS, density_chart
from frugalseg.report.number_texts import column_texts
from frugalseg.report.training_charts import training_section

EVIL = "</script></style><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{ 7*7 }}"


class Page(HTMLParser):
    """Every tag with its attributes, the visible text, and each table's cells row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open = tag
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self.open = "" if tag in ("script", "style", "td", "th", "table") else self.open

    def handle_data(self, data: str) -> None:
        if self.open in ("td", "th", "a") and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data
        if self.open not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def pictures(self) -> dict[str, np.ndarray]:
        found = {}
        for tag, attributes in self.tags:
            if tag == "img":
                data = base64.b64decode((attributes["src"] or "").split(",")[1])
                image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
                found[attributes["alt"] or ""] = image[..., ::-1] if image.ndim == 3 else image
        return found


def comparison(name: str = "A1", pcc: float = 0.9, role: str = "held out", side: int = 40) -> Comparison:
    ramp = np.tile(np.linspace(0, 1, side, dtype=np.float32), (side, 1))
    colour = np.zeros((side, side, 3), np.uint8)
    colour[: side // 2] = (200, 30, 10)
    return Comparison(
        name=name,
        pictures=[
            ("input", (ramp * 255).astype(np.uint8)),
            ("real stain", ramp),
            ("predicted stain", colour),
        ],
        numbers={"PCC": pcc, "role": role},
    )


def page_of(*comparisons: Comparison, **changes: object) -> Page:
    given: dict[str, object] = {"title": "A stain", "comparisons": list(comparisons), "seconds": 61.0}
    return Page(render_report(Report(**{**given, **changes})))  # type: ignore[arg-type]


def test_pictures_and_numbers_of_one_field() -> None:
    page = page_of(comparison(pcc=0.93456))
    assert list(page.pictures) == ["A1: input", "A1: real stain", "A1: predicted stain"]
    shown = page.pictures
    assert shown["A1: input"].shape == (40, 40)
    assert np.array_equal(shown["A1: input"][0, [0, -1]], [0, 255])
    assert np.abs(shown["A1: real stain"].astype(int) - shown["A1: input"]).max() <= 1
    assert shown["A1: predicted stain"][[0, -1], 0].tolist() == [[200, 30, 10], [0, 0, 0]]
    assert "PCC 0.935 role held out" in page.text
    # Without a label map the page speaks of fields and scores, not of cells.
    assert "1 field 1 held out 0.935 PCC predicted against real, held out 1 min 1 s wall time" in page.text
    assert "cells" not in page.text


def test_headline_is_the_mean_of_what_is_held_out() -> None:
    fields = [
        comparison("a", 0.99, "training"),
        comparison("b", 0.8),
        comparison("c", 0.6),
        comparison("c", 0.4, "Held-out"),
    ]
    page = page_of(*fields, headline=[("+0.05", "gain", "by tuning")])
    # a is left out; two channels of c are two scores of one field.
    assert (
        "3 fields 2 held out 0.600 mean PCC predicted against real, held out +0.05 gain by tuning"
        in page.text
    )
    assert (
        "0.895 mean PCC predicted against real, all fields"
        in page_of(comparison("a", 0.99, "training"), comparison("b", 0.8, "training")).text
    )
    unscored = page_of(Comparison(name="x", pictures=[("input", np.zeros((3, 3)))]))
    assert "1 field 1 min 1 s" in unscored.text
    assert "PCC" not in unscored.text


def test_means_are_taken_per_role() -> None:
    fields = [
        comparison("a", 0.9, "training"),
        comparison("b", 0.8),
        comparison("c", 0.7, "training"),
        comparison("d", np.nan),
        comparison("e", 0.4),
    ]
    rows = page_of(*fields).rows
    assert rows[0] == ["Field", "PCC", "role"]
    assert rows[1] == ["a", "0.900", "training"]
    assert rows[4] == ["d", "–", "held out"]
    assert rows[6:8] == [["mean, training (2)", "0.800", ""], ["mean, held out (3)", "0.600", ""]]


def test_numbers_that_single_fields_lack() -> None:
    bare = Comparison(name="bare", numbers={"RMSE": np.float32(0.25), "n": np.int64(1200)})
    rows = page_of(comparison("a", 0.5), bare).rows
    assert rows[:3] == [
        ["Field", "PCC", "role", "RMSE", "n"],
        ["a", "0.500", "held out", "–", "–"],
        ["bare", "–", "–", "0.250", "1,200"],
    ]


def test_pictures_of_different_shapes_are_refused() -> None:
    with pytest.raises(WrongShape, match=r"'A1'.*\(4, 6\).*\(4, 5\)"):
        Comparison(name="A1", pictures=[("input", np.zeros((4, 6))), ("real", np.zeros((4, 5)))])
    for shape in ((2, 4, 5), (4, 5, 4), (5,), (0, 5)):
        with pytest.raises(WrongShape):
            Comparison(name="A1", pictures=[("input", np.zeros(shape))])
    with pytest.raises(WrongShape, match="one predicted value per real one"):
        Comparison(name="A1", scatter=(np.zeros(3), np.zeros(4)))


def test_pictures_are_shrunk_alike() -> None:
    given = Comparison(
        name="wide", pictures=[("grey", np.full((500, 1400), 0.5)), ("colour", np.zeros((500, 1400, 3)))]
    )
    assert [picture.shape for _, picture in given.pictures] == [(250, 700), (250, 700, 3)]
    assert given.pictures[0][1].dtype == np.uint8
    page = page_of(given)
    assert "1,400 × 500 px" in page.text
    style = next(a["style"] for t, a in page.tags if t == "article")
    assert style == "--columns:2;--shape:1400/500"


def test_forty_large_comparisons_stay_small(tmp_path: Path) -> None:
    # Noise is the worst there is: nothing compresses it.
    noise = np.random.default_rng(0).integers(0, 255, (1000, 1000), dtype=np.uint8)
    report = Report(title="t")
    for i in range(40):
        report.add(Comparison(name=f"f{i}", pictures=[(t, noise) for t in "abcd"], numbers={"PCC": i / 100}))
    assert [len(given.pictures) for given in report.comparisons] == [4] * 12 + [0] * 28
    write_report(tmp_path / "report.html", report)
    assert (tmp_path / "report.html").stat().st_size < 6_000_000
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    assert len(page.pictures) == 48
    assert min(max(picture.shape) for picture in page.pictures.values()) >= 400
    assert "The names lead to the pictures of the first 12" in page.text
    assert [row[0] for row in page.rows[1:41]] == [f"f{i}" for i in range(40)]
    assert page.rows[41] == ["mean (40)", "0.195"]
    links = [(a["href"] or "")[1:] for t, a in page.tags if t == "a"]
    assert links == [f"comparison-{i}" for i in range(1, 13)]
    assert set(links) <= {a.get("id") for _, a in page.tags}


def test_comparisons_stand_beside_cells() -> None:
    cells = FieldReport(name="A1", image=np.zeros((8, 8)), labels=np.pad(np.full((4, 4), 1), 2))
    page = page_of(comparison(pcc=0.5), fields=[cells])
    assert "1 cell 1 field 4.5 px median cell diameter" in page.text
    assert "0.500 PCC" in page.text
    assert "1 held out" not in page.text
    assert page_of().text.count("0 cells") == 1


def test_table_of_start_and_tuned() -> None:
    table = NumberTable(
        title="Start against tuned",
        columns=["field", "start", "tuned", "change", "cells", "kind"],
        rows=[
            ["A1", 0.5, np.float32(0.75), 0.25, 1200, "phase"],
            ["B2", 0.7, 0.65, -0.05, 9, None],
            ["mean", 0.6, 0.7, 0.1, None, ""],
        ],
        note="Over 3 seeds.",
        emphasise=-1,
    )
    page = page_of(tables=[table])
    assert page.rows[:4] == [
        ["field", "start", "tuned", "change", "cells", "kind"],
        ["A1", "0.500", "0.750", "+0.250", "1,200", "phase"],
        ["B2", "0.700", "0.650", "−0.050", "9", "–"],
        ["mean", "0.600", "0.700", "+0.100", "–", ""],
    ]
    assert [a.get("class") for t, a in page.tags if t == "tr"][:4] == [None, None, None, "own"]
    assert "Start against tuned" in page.text
    assert "Over 3 seeds." in page.text
    with pytest.raises(WrongShape, match="2 columns and a row of 1 values"):
        NumberTable(title="t", columns=["a", "b"], rows=[[1]])
    with pytest.raises(WrongShape, match="2 rows and no row 2"):
        NumberTable(title="t", columns=["a"], rows=[[1], [2]], emphasise=2)


def test_decimals_follow_the_largest_number() -> None:
    assert column_texts([12.345, 0.5]) == ["12.35", "0.50"]
    assert column_texts([123.456, 7]) == ["123.5", "7"]
    assert column_texts([-2e-5, 1e-6]) == ["−2e−05", "1e−06"]
    assert column_texts([float("inf"), True, "a-b"]) == ["inf", "yes", "a-b"]


def test_validation_scores_are_drawn_with_the_best_one_marked() -> None:
    curve = TrainingCurve(
        name="t",
        steps=[1, 100],
        losses=[2.0, 1.0],
        history=[(0, 0.1), (50, 0.91234), (75, float("nan")), (80, 0.91234), (100, 0.5)],
        history_name="PCC of held-out fields",
    )
    loss, validation = training_section(curve).charts
    assert (loss.title, loss.mark, validation.title) == ("Loss", None, "PCC of held-out fields")
    assert validation.mark == ((42 + 330) / 2, "best: 0.9123 at step 50")
    xs = [x for x, _ in validation.lines[0].dots]
    assert xs == pytest.approx([42 + 288 * s / 100 for s in (0, 50, 80, 100)])
    assert "best: 0.9123 at step 50" in page_of(training=[curve]).text
    alone = TrainingCurve(name="t", steps=[], losses=[], history=[(5, 0.5)])
    assert [chart.title for chart in training_section(alone).charts] == ["Validation score"]
    short = TrainingCurve(name="t", steps=[1], losses=[1])
    assert [chart.title for chart in training_section(short).charts] == ["Loss"]


def test_curve_of_a_training_record() -> None:
    record = TrainingRecord(
        losses=[2.0, 1.0], terms={"overlap": [0.5, 0.4]}, history=[(0, 0.1), (2, 0.7)], stopped_because="done"
    )
    curve = TrainingCurve.of("all fields", record, "PCC")
    assert (curve.name, list(curve.steps), curve.losses) == ("all fields", [1, 2], [2.0, 1.0])
    assert [chart.title for chart in training_section(curve).charts] == [
        "Loss",
        "PCC",
        "Terms of the loss, smoothed",
    ]
    assert training_section(curve).note == "ended at 1 after 2 steps; stopped because done"


def test_scatter_counts_pairs() -> None:
    # One pair in the lower right corner (real high, predicted low), many on the diagonal's two ends.
    real = np.array([0.0] * 500 + [1.0] * 500 + [1.0, np.nan])
    predicted = np.array([0.0] * 500 + [1.0] * 500 + [0.0, 0.5])
    chart = density_chart(real, predicted)
    assert chart is not None
    last = DENSITY_CELLS - 1
    assert chart.density[-1] == f"M0 0h1v1h-1zM{last} {last}h1v1h-1z"
    # ln 2 / ln 501 of six levels is 0.67: the faintest one.
    assert chart.density[0] == f"M{last} 0h1v1h-1z"
    assert chart.density[1:-1] == [""] * 4
    assert chart.grid == "translate(54 254) scale(4.9167 -5.0833)"
    assert [name for _, name in chart.x.labels] == [name for _, name in chart.y.labels]
    assert (chart.y.labels[0][0], chart.y.labels[-1][0]) == (254, 10)
    assert density_chart(np.zeros(5), np.zeros(5)) is None
    assert density_chart(np.array([]), np.array([])) is None
    many = Comparison(
        name="x", scatter=(np.arange(1e6).reshape(1000, 1000), np.arange(1e6).reshape(1000, 1000))
    )
    assert many.scatter is not None
    assert many.scatter[0].shape == (200_000,)
    assert np.array_equal(*many.scatter)
    assert "Predicted against real" in page_of(many).text


def test_text_cannot_break_out() -> None:
    def report(text: str) -> Report:
        picture = np.zeros((4, 4))
        return Report(
            title="t",
            headline=[(text, text, text)],
            tables=[NumberTable(title=text, columns=[text, text], rows=[[text, text]], note=text)],
            comparisons=[
                Comparison(
                    name=text, pictures=[(text, picture)], numbers={text: text, "role": text}, note=text
                )
                for _ in range(2)
            ],
            training=[TrainingCurve(name=text, steps=[1], losses=[1], history=[(1, 1)], history_name=text)],
        )

    clean, dirty = Page(render_report(report("x"))), Page(render_report(report(EVIL)))
    assert [tag for tag, _ in dirty.tags] == [tag for tag, _ in clean.tags]
    assert not [a for _, a in dirty.tags if "onerror" in a]
    assert dirty.text.count(EVIL) >= 20
    assert "49" not in dirty.text.split(EVIL)[1]
    raw = render_report(report(EVIL))
    assert not re.search(r"https?://|@import|url\(", raw)


PROBE = """<script>
const seen = [], failed = [];
addEventListener("error", event => failed.push(event.message));
addEventListener("securitypolicyviolation", event => failed.push(event.blockedURI));
addEventListener("load", () => {
  const panes = [...document.querySelectorAll(".pane")], tools = document.querySelector(".tools");
  const boxes = () => panes.map(p => {
    const outer = p.getBoundingClientRect(), inner = p.querySelector("img").getBoundingClientRect();
    const numbers = [inner.width / outer.width, (inner.x - outer.x) / outer.width, (inner.y - outer.y) / outer.height];
    return numbers.map(v => v.toFixed(3)).join(" ");
  });
  const state = () => seen.push([...new Set(boxes())].join(" / "));
  const at = panes[1].getBoundingClientRect(), event = {deltaY: -120, cancelable: true};
  state();
  panes[1].dispatchEvent(new WheelEvent("wheel", {...event, clientX: at.left, clientY: at.top + at.height / 2})); state();
  panes[0].dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"})); state();
  panes[2].dispatchEvent(new MouseEvent("dblclick")); state();
  tools.querySelector("[data-do=in]").click(); state();
  seen.push(new Set(panes.map(p => `${p.offsetWidth} ${p.offsetHeight}`)).size);
  seen.push(new Set(panes.map(p => p.offsetTop)).size, tools.hidden, failed.join() || "no error");
  document.body.insertAdjacentHTML("beforeend", "<pre id=probe></pre>");
  document.getElementById("probe").textContent = seen.join("|");
});
</script></head>"""


@pytest.mark.slow
def test_browser_zooms_all_pictures_together(tmp_path: Path, browse: Callable[..., str]) -> None:
    path = tmp_path / "probe.html"
    html = render_report(Report(title="t", comparisons=[comparison(EVIL)]))
    path.write_text(html.replace("</head>", PROBE, 1), "utf-8")
    dom = browse(path, "--dump-dom")
    found = re.search(r'<pre id="probe">(.*?)</pre>', dom)
    assert found, dom[-2000:]
    fitted, wheeled, moved, reset, pressed, sizes, rows, hidden, errors = found[1].split("|")
    # Zoom, left, top as shares; one entry means that all pictures agree.
    assert fitted == reset == "1.000 0.000 0.000"
    zoom = float(np.exp(120 / 400))
    assert [float(v) for v in wheeled.split()] == pytest.approx([zoom, 0, 0.5 - 0.5 * zoom], abs=2e-3)
    assert [float(v) for v in moved.split()] == pytest.approx([zoom, -0.1, 0.5 - 0.5 * zoom], abs=2e-3)
    assert pressed == "1.500 -0.250 -0.250"
    assert (sizes, rows, hidden, errors) == ("1", "1", "false", "no error")
