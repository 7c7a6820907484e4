"""``frugalseg inspect``: how inputs are understood, and every problem found in them."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from frugalseg.errors import FrugalsegError
from frugalseg.images.fields import open_fields
from frugalseg.images.value_checks import Severity
from frugalseg.runs.inspection import (
    ChannelRow,
    Inspection,
    Problem,
    compare_fields,
    inspect_field,
    problem_lines,
)
from frugalseg.runs.options import RunOptions
from frugalseg.runs.run_log import in_words

SHOWN_ROWS = 60
STYLES: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "dim"}


def inspect_inputs(inputs: Sequence[str | Path], options: RunOptions | None = None) -> Inspection:
    """Read every channel of every field once, and list what is there and what is wrong.

    Parameters
    ----------
    inputs
        As of `frugalseg.images.fields.open_fields`.
    options
        Pattern of the file names, and which fields to take.

    Raises
    ------
    InputError, SettingsError
        There is no field at all; what is wrong with single fields is reported as a problem.
    """
    options = options or RunOptions()
    broken: list[FrugalsegError] = []
    table = open_fields(
        inputs, pattern=options.pattern, where=options.where, axes=options.axes, problems=broken
    )
    problems = [Problem("error", type(error).__name__, str(error)) for error in broken]
    problems += [Problem("warning", "left-out", note) for note in table.notes]
    rows: list[ChannelRow] = []
    for field in table:
        of_field, its_problems = inspect_field(field)
        rows += of_field
        problems += its_problems
    problems += compare_fields(list(table), table.channels, rows)
    return Inspection(tuple(field.name for field in table), table.channels, tuple(rows), tuple(problems))


def print_inspection(inspection: Inspection, console: Console) -> None:
    """Print the channels as a table, and the problems below it, the worst first."""
    count = f"{len(inspection.fields)} field{'s' if len(inspection.fields) != 1 else ''}"
    table = Table(title=f"{count}, channels: {', '.join(inspection.channels) or 'none'}")
    for column in ("field", "channel", "file", "axes", "Y x X [px]", "type", "pixel [um]", "values"):
        table.add_column(
            column, justify="right" if column in ("Y x X [px]", "pixel [um]", "values") else "left"
        )
    for row in inspection.rows[:SHOWN_ROWS]:
        size = "unknown" if row.pixel_size is None else f"{row.pixel_size[0]:.4g} x {row.pixel_size[1]:.4g}"
        values = f"{row.low:g} .. {row.high:g}" if row.labels is None else f"{row.labels} labels"
        shape = f"{row.shape[0]} x {row.shape[1]}"
        cells = (row.field, row.channel, row.file, row.axes, shape, row.dtype, size, values)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    if len(inspection.rows) > SHOWN_ROWS:
        console.print(f"... and {len(inspection.rows) - SHOWN_ROWS} more; --json lists all")
    for severity, text in problem_lines(inspection.problems):
        console.print(Text.assemble((f"{severity}: ", STYLES[severity]), in_words(text)))
    if not inspection.problems:
        console.print("no problem found")
