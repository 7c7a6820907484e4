"""Sentences and figures on top of a report."""

import base64

from frugalseg.report import Drawing, NumberTable, Report, render_report


def test_findings_come_first_then_figures_then_tables():
    drawing = Drawing(
        title="Curve & co", content=b"<svg onload='x'/>", kind="svg", caption="Score <b>.", wide=True
    )
    table = NumberTable(title="Scores", columns=["arm", "mAP"], rows=[["a", 0.5]])
    page = render_report(Report(title="t", findings=["a < b."], drawings=[drawing], tables=[table]))
    assert "<li>a &lt; b.</li>" in page
    assert page.index("a &lt; b.") < page.index("Curve &amp; co") < page.index("<h3>Scores</h3>")
    # As the source of an image, a drawing runs no script; within the page it would.
    encoded = base64.b64encode(b"<svg onload='x'/>").decode()
    assert f'<img src="data:image/svg+xml;base64,{encoded}" alt="Curve &amp; co">' in page
    assert "onload" not in page
    assert "<figcaption>Score &lt;b&gt;.</figcaption>" in page
    assert 'class="card drawing wide"' in page


def test_a_report_of_findings_counts_no_cells():
    assert "<span>cells</span>" in render_report(Report(title="t"))
    assert "<span>cells</span>" not in render_report(Report(title="t", findings=["Something."]))
    assert 'id="findings"' not in render_report(Report(title="t"))


def test_a_png_is_one():
    assert Drawing(title="p", content=b"\x89PNG").uri == "data:image/png;base64,iVBORw=="
