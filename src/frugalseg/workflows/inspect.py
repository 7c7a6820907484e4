"""``frugalseg inspect``: what is understood of the inputs, and every problem found in them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from frugalseg.errors import FrugalsegError
from frugalseg.images.axes import COLOURS
from frugalseg.images.field import Field
from frugalseg.images.fields import FieldTable, open_fields
from frugalseg.images.image import Image
from frugalseg.images.value_checks import Severity, check_label_map, check_values, is_label_map

SHOWN_ROWS = 60
STYLES: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "dim"}


@dataclass(frozen=True)
class ChannelRow:
    """What one channel of one field was understood to be.

    `axes` are those of the file; `shape` is (Y, X) in px; `pixel_size` is (y, x) in um; `low` and `high` are the
    extreme values stored; `labels` counts the cells where the channel is a label map.
    """

    field: str
    channel: str
    file: str
    axes: str
    shape: tuple[int, int]
    focal_planes: int
    dtype: str
    pixel_size: tuple[float, float] | None
    low: float
    high: float
    labels: int | None


@dataclass(frozen=True)
class Problem:
    """One thing found. `kind` is a short name for it; `field` and `channel` are None where it concerns all."""

    severity: Severity
    kind: str
    text: str
    field: str | None = None
    channel: str | None = None


@dataclass(frozen=True)
class Inspection:
    """Everything found, fields in order."""

    fields: tuple[str, ...]
    channels: tuple[str, ...]
    rows: tuple[ChannelRow, ...]
    problems: tuple[Problem, ...]

    @property
    def has_errors(self) -> bool:
        """Whether something stops work on at least one field."""
        return any(problem.severity == "error" for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Give plain types, for JSON."""
        return {
            "fields": list(self.fields),
            "channels": list(self.channels),
            "rows": [asdict(row) for row in self.rows],
            "problems": [asdict(problem) for problem in self.problems],
        }


def inspect_inputs(
    inputs: Sequence[str | Path], pattern: str | None = None, where: Sequence[str] = ()
) -> Inspection:
    """Read every channel of every field once, and tell what is there and what is wrong.

    Parameters
    ----------
    inputs, pattern, where
        As in `frugalseg.images.fields.open_fields`.

    Raises
    ------
    InputError, SettingsError
        The inputs give no field at all; what is wrong with single fields is reported as a problem.
    """
    broken: list[FrugalsegError] = []
    table = open_fields(inputs, pattern=pattern, where=where, problems=broken)
    problems = [Problem("error", type(error).__name__, str(error)) for error in broken]
    rows: list[ChannelRow] = []
    for field in table:
        found = []
        for channel in field.channels:
            row, its_problems = _inspect_channel(field, channel)
            found += [row] if row else []
            problems += its_problems
        shapes = {row.channel: row.shape for row in found}
        if len(set(shapes.values())) > 1:
            sizes = ", ".join(f"{name} {y} x {x}" for name, (y, x) in shapes.items())
            problems.append(Problem("error", "shape", f"channels differ in shape: {sizes} px", field.name))
        rows += found
    problems += _across_fields(table, rows)
    return Inspection(tuple(field.name for field in table), table.channels, tuple(rows), tuple(problems))


def _inspect_channel(field: Field, channel: str) -> tuple[ChannelRow | None, list[Problem]]:
    """Understand one channel; damage is a problem, not the end."""
    reference = field.channels[channel]
    try:
        image, index = reference.open(f"field {field.name!r}")
        values = np.asarray(image.pixels[index])
    except FrugalsegError as error:
        return None, [Problem("error", type(error).__name__, str(error), field.name, channel)]
    is_labels = is_label_map(values, channel)
    findings = check_label_map(values) if is_labels else check_values(values)
    problems = [Problem(item.severity, item.kind, item.text, field.name, channel) for item in findings]
    if image.channels == COLOURS and index == 0:
        problems.append(Problem("note", "colour", _about_colour(image), field.name, channel))
    numbers = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    ids = np.unique(values[values > 0]) if is_labels else None
    row = ChannelRow(
        field=field.name,
        channel=channel,
        file=reference.path.name,
        axes=image.axes,
        shape=image.shape,
        focal_planes=int(values.shape[0]),
        dtype=str(values.dtype),
        pixel_size=image.pixel_size,
        low=float(numbers.min()) if numbers.size else float("nan"),
        high=float(numbers.max()) if numbers.size else float("nan"),
        labels=None if ids is None else int(ids.size),
    )
    return row, problems


def _about_colour(image: Image) -> str:
    first, *others = (np.asarray(image.pixels[i]) for i in range(3))
    if all(np.array_equal(first, other) for other in others):
        return "is a grey image saved as colour: red, green and blue are equal, use one of them"
    return "is a colour image; its channels are red, green and blue"


def _across_fields(table: FieldTable, rows: Sequence[ChannelRow]) -> list[Problem]:
    """What only shows when fields are compared."""
    problems: list[Problem] = []
    for channel in table.channels:
        lacking = [field.name for field in table if channel not in field.channels]
        if lacking:
            text = f"is missing in {len(lacking)} of {len(table)} fields ({_some(lacking)})"
            problems.append(Problem("warning", "missing-channel", text, None, channel))
        kinds = Counter(row.dtype for row in rows if row.channel == channel)
        if len(kinds) > 1:
            text = f"has different types: {', '.join(f'{kind} in {n} fields' for kind, n in kinds.items())}"
            problems.append(Problem("warning", "type", text, None, channel))
    shapes = Counter(row.shape for row in rows)
    if len({row.shape for row in {row.field: row for row in rows}.values()}) > 1:
        listed = [f"{y} x {x}" for y, x in shapes]
        problems.append(Problem("note", "shape", f"fields differ in shape: {_some(listed)} px"))
    # A file that says nothing about its pixels is no contradiction to one that does.
    sizes = {tuple(round(s, 6) for s in row.pixel_size) for row in rows if row.pixel_size}
    if len(sizes) > 1:
        listed = [f"{y:g} x {x:g}" for y, x in sorted(sizes)]
        problems.append(
            Problem(
                "warning", "pixel-size", f"pixel sizes differ: {_some(listed)} um; cells will differ in size"
            )
        )
    if rows and not sizes:
        problems.append(
            Problem("note", "pixel-size", "no file states a pixel size, so sizes are given in px")
        )
    return problems


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def print_inspection(found: Inspection, console: Console) -> None:
    """Print the channels as a table, and the problems below it, the worst first."""
    count = f"{len(found.fields)} field{'s' if len(found.fields) != 1 else ''}"
    table = Table(title=f"{count}, channels: {', '.join(found.channels) or 'none'}")
    for column in ("field", "channel", "file", "axes", "Y x X [px]", "type", "pixel [um]", "values"):
        table.add_column(
            column, justify="right" if column in ("Y x X [px]", "pixel [um]", "values") else "left"
        )
    for row in found.rows[:SHOWN_ROWS]:
        size = "unknown" if row.pixel_size is None else f"{row.pixel_size[0]:.4g} x {row.pixel_size[1]:.4g}"
        values = f"{row.low:g} .. {row.high:g}" if row.labels is None else f"{row.labels} labels"
        shape = f"{row.shape[0]} x {row.shape[1]}"
        cells = (row.field, row.channel, row.file, row.axes, shape, row.dtype, size, values)
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)
    if len(found.rows) > SHOWN_ROWS:
        console.print(f"... and {len(found.rows) - SHOWN_ROWS} more; --json lists all")
    for severity, text in problem_lines(found.problems):
        console.print(Text.assemble((f"{severity}: ", STYLES[severity]), text))
    if not found.problems:
        console.print("no problem found")


def problem_lines(problems: Sequence[Problem]) -> list[tuple[Severity, str]]:
    """One line per thing found, the worst first; the same thing in many fields is said once.

    >>> problem_lines([Problem("note", "stretched", "is 8-bit", name, "dapi") for name in ("a", "b")])
    [('note', "channel 'dapi' of a is 8-bit (and of 1 more: b)")]
    """
    groups: dict[tuple[Severity, str, str | None, bool], list[Problem]] = {}
    for problem in problems:
        # Errors stop work on one field each, so every one is said.
        single = problem.severity == "error" or problem.field is None
        key = problem.severity, problem.text if single else problem.kind, problem.channel, single
        groups.setdefault(key, []).append(problem)
    lines: list[tuple[Severity, str]] = []
    for severity in ("error", "warning", "note"):
        for (its_severity, _, channel, single), group in groups.items():
            if its_severity != severity:
                continue
            first, rest = group[0], [str(problem.field) for problem in group[1:]]
            whose = [f"channel {channel!r}"] if channel else []
            owner = " of ".join([*whose, *([first.field] if first.field else [])])
            from_error = first.kind[0].isupper()
            text = first.text if from_error or not owner else f"{owner} {first.text}"
            lines.append(
                (
                    its_severity,
                    text + (f" (and of {len(rest)} more: {_some(rest)})" if rest and not single else ""),
                )
            )
    return lines
