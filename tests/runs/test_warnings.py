"""Warnings of a run: one line where fields share one, and what is written names parameters as the caller types them."""

import json
from pathlib import Path
from typing import Any

import pytest
import tifffile

from frugalseg.errors import InputError
from frugalseg.images.fields import open_fields
from frugalseg.learning.training_record import TrainingRecord
from frugalseg.report import TrainingCurve
from frugalseg.runs.field_loop import FieldResult, run_fields
from frugalseg.runs.model_folder import ModelRun
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import OutputFolder
from frugalseg.runs.provenance import Sources
from frugalseg.runs.records import FieldRecord
from frugalseg.runs.run_log import RunLog, worded
from frugalseg.runs.summary import begin_report
from frugalseg.synthetic.cells import make_cells

DIAMETER = "set `diameter` yourself"


class Process:
    """Warns of every field, and can't do field d."""

    def compute(self, field: Any) -> FieldResult:
        if field.name == "d":
            raise InputError("too large; give `diameter`")
        own = {"a": ("dark",), "c": ("dark", "uneven")}.get(field.name, ())
        return FieldResult(
            FieldRecord(warnings=(*own, DIAMETER)), lambda path: path.write_text("labels") and None, None
        )

    def show_earlier(self, field: Any, record: Any) -> Any:
        return None, None


def the_run(folder: Path) -> dict[str, Any]:
    """``run.json`` of a run of `Process` over four fields, with the report's text as "page"."""
    plane = make_cells((48, 48), n_cells=2, seed=1).phase
    for name in "abcd":
        tifffile.imwrite(folder / f"{name}_phase.tif", plane)
    table = open_fields(folder, pattern="{field}_{channel}.tif")
    sources = {field.name: Sources() for field in table}
    outputs = OutputFolder(folder / "out", sources, {}, command="segment", options=RunOptions())
    notes = lambda: ("all: `resume` is of no use",)  # noqa: E731
    run_fields(table, outputs, Process(), begin_report(outputs, "t"), RunLog(quiet=True), None, notes)
    written: dict[str, Any] = json.loads((folder / "out" / "run.json").read_text())
    return {**written, "page": (folder / "out" / "report.html").read_text()}


def words(text: str) -> str:
    return text.replace("`diameter`", "--diameter").replace("`resume`", "--resume")


def test_a_warning_of_many_fields_is_one_line(tmp_path: Path) -> None:
    assert the_run(tmp_path)["warnings"] == [
        "all: `resume` is of no use",
        "a, c (2 fields): dark",
        f"a, b, c (3 fields): {DIAMETER}",
        "c: uneven",
        "d failed: too large; give `diameter`",
    ]


def test_what_a_command_writes_names_options(tmp_path: Path) -> None:
    with worded(words):
        found = the_run(tmp_path)
    assert found["warnings"][0] == "all: --resume is of no use"
    assert found["warnings"][2:] == [
        "a, b, c (3 fields): set --diameter yourself",
        "c: uneven",
        "d failed: too large; give --diameter",
    ]
    assert found["failed"] == {"d": "too large; give --diameter"}
    assert found["fields"]["b"]["warnings"] == ["set --diameter yourself"]
    assert "give --diameter" in found["page"]
    assert "`" not in found["page"].split("<script")[0]


@pytest.mark.parametrize("how", [str, words])
def test_so_does_the_record_of_a_model(tmp_path: Path, how: Any) -> None:
    run = ModelRun("learn labels", tmp_path / "m", {}, {}, RunOptions())
    with worded(how):
        record = run.record(TrainingRecord(), (DIAMETER,), {"a": "give `resume`"})
    assert (record.warnings, record.failed) == ((how(DIAMETER),), {"a": how("give `resume`")})
    shown = run.report(record, TrainingCurve.of("a", TrainingRecord()))
    assert shown.warnings == [how(DIAMETER), "a failed: " + how("give `resume`")]
