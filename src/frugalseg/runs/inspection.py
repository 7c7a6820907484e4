"""How inputs are understood, and every problem found in them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from frugalseg.errors import FrugalsegError
from frugalseg.images.axes import COLOURS, MANY_CHANNELS
from frugalseg.images.field import ChannelRef, Field
from frugalseg.images.image import Image
from frugalseg.images.memory import memory_errors
from frugalseg.images.pixel_size import doubt_about_size
from frugalseg.images.value_checks import Severity, check_label_map, check_values, is_label_map
from frugalseg.images.write import plain


@dataclass(frozen=True)
class ChannelRow:
    """How one channel of one field was understood.

    Attributes
    ----------
    field, channel, file
        Names.
    axes
        Of the file, as understood.
    shape
        (Y, X), px.
    focal_planes, dtype
        Number of planes, and type of the values stored.
    pixel_size
        (y, x), um; None where the file does not state it.
    low, high
        Extreme values stored.
    labels
        Number of labels where the channel is a label map.
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
    """One problem. `kind` is a short name for it; `field` and `channel` are None where it concerns all."""

    severity: Severity
    kind: str
    text: str
    field: str | None = None
    channel: str | None = None


@dataclass(frozen=True)
class Inspection:
    """Channels and problems of all fields, in order."""

    fields: tuple[str, ...]
    channels: tuple[str, ...]
    rows: tuple[ChannelRow, ...]
    problems: tuple[Problem, ...]

    @property
    def has_errors(self) -> bool:
        """Whether at least one field can't be used."""
        return any(problem.severity == "error" for problem in self.problems)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return plain values for JSON."""
        content: dict[str, JsonValue] = plain(asdict(self))
        return content


def inspect_field(field: Field) -> tuple[list[ChannelRow], list[Problem]]:
    """Read every channel of a field; damage is a problem, not an error."""
    rows: list[ChannelRow] = []
    problems: list[Problem] = []
    for channel in field.channels:
        row, of_channel = _inspect_channel(field, channel)
        rows += [row] if row else []
        problems += of_channel
    shapes = {row.channel: row.shape for row in rows}
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{name} {y} x {x}" for name, (y, x) in shapes.items())
        # Two that fit may be all that is needed: the others may be previews.
        severity: Severity = "warning" if max(Counter(shapes.values()).values()) > 1 else "error"
        problems.append(Problem(severity, "shape", f"channels differ in shape: {sizes} px", field.name))
    for size in {row.pixel_size: row for row in rows}:
        if doubt := doubt_about_size(size):
            text = f"has a doubtful pixel size. {doubt}"
            problems.append(Problem("warning", "pixel-size", text, field.name))
    return rows, problems


def compare_fields(
    fields: Sequence[Field], channels: Sequence[str], rows: Sequence[ChannelRow]
) -> list[Problem]:
    """Compare fields: find missing channels, different types, shapes and pixel sizes."""
    problems: list[Problem] = []
    for channel in channels:
        without = [field.name for field in fields if channel not in field.channels]
        if without:
            text = f"is missing in {len(without)} of {len(fields)} fields ({_first(without)})"
            problems.append(Problem("warning", "missing-channel", text, None, channel))
        types = Counter(row.dtype for row in rows if row.channel == channel)
        if len(types) > 1:
            text = f"has different types: {', '.join(f'{dtype} in {n} fields' for dtype, n in types.items())}"
            problems.append(Problem("warning", "type", text, None, channel))
    if len({row.shape for row in {row.field: row for row in rows}.values()}) > 1:
        shapes = [f"{y} x {x}" for y, x in dict.fromkeys(row.shape for row in rows)]
        problems.append(Problem("note", "shape", f"fields differ in shape: {_first(shapes)} px"))
    # A file without a pixel size does not contradict one that states it.
    sizes = {tuple(round(s, 6) for s in row.pixel_size) for row in rows if row.pixel_size}
    if len(sizes) > 1:
        text = f"pixel sizes differ: {_first([f'{y:g} x {x:g}' for y, x in sorted(sizes)])} um; cells will differ in size"
        problems.append(Problem("warning", "pixel-size", text))
    if rows and not sizes:
        problems.append(
            Problem("note", "pixel-size", "no file states a pixel size, so sizes are given in px")
        )
    return problems


def problem_lines(problems: Sequence[Problem]) -> list[tuple[Severity, str]]:
    """Return one line for each problem, the worst first; a problem that many fields have is listed once.

    >>> problem_lines([Problem("note", "stretched", "is 8-bit", name, "dapi") for name in ("a", "b")])
    [('note', "channel 'dapi' of a is 8-bit (and of 1 more: b)")]
    """
    groups: dict[tuple[Severity, str, str | None, bool], list[Problem]] = {}
    for problem in problems:
        # Each error concerns one field, so all are listed.
        single = problem.severity == "error" or problem.field is None
        key = problem.severity, problem.text if single else problem.kind, problem.channel, single
        groups.setdefault(key, []).append(problem)
    worst_first: tuple[Severity, ...] = ("error", "warning", "note")
    return [
        (severity, _line(group, single))
        for severity in worst_first
        for (its_severity, _, _, single), group in groups.items()
        if its_severity == severity
    ]


def _line(group: Sequence[Problem], single: bool) -> str:
    first, others = group[0], [str(problem.field) for problem in group[1:]]
    names = [f"channel {first.channel!r}"] if first.channel else []
    owner = " of ".join([*names, *([first.field] if first.field else [])])
    is_exception = first.kind[0].isupper()  # its message says what it is about
    text = first.text if is_exception or not owner else f"{owner} {first.text}"
    return text + (f" (and of {len(others)} more: {_first(others)})" if others and not single else "")


def _inspect_channel(field: Field, channel: str) -> tuple[ChannelRow | None, list[Problem]]:
    reference = field.channels[channel]
    try:
        with memory_errors(f"channel {channel!r} of field {field.name!r}"):
            image, values = _open(reference, channel, f"field {field.name!r}")
    except FrugalsegError as error:
        return None, [Problem("error", type(error).__name__, str(error), field.name, channel)]
    is_labels = is_label_map(values, channel)
    findings = check_label_map(values) if is_labels else check_values(values)
    colour = image.channels == COLOURS
    problems = [
        Problem(
            "warning" if colour and item.kind == "constant" else item.severity,
            item.kind,
            item.text,
            field.name,
            channel,
        )
        for item in findings
    ]  # of a colour image one channel may be empty
    if colour and reference.index in (0, "0", "red"):
        problems.append(_about_colour(image, field.name, channel))
    if 1 < len(values) <= MANY_CHANNELS and len(image.channels) == 1 and reference.path.is_file():
        said = f"its {len(values)} focal planes may be channels; if so, say `axes={image.axes.replace('Z', 'C')}`"
        problems.append(Problem("note", "few-planes", said, field.name, channel))
    numbers = values[np.isfinite(values)] if values.dtype.kind == "f" else values
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
        labels=int(np.unique(values[values > 0]).size) if is_labels else None,
    )
    return row, problems


def _open(reference: ChannelRef, channel: str, owner: str) -> tuple[Image, NDArray[Any]]:
    """Return the image of a channel, and its pixels (Z, Y, X); of a label map with a palette the numbers."""
    image = reference.open_file(owner)
    if image.indices is not None and reference.index is None:
        numbers = np.asarray(image.indices[0])
        if is_label_map(numbers, channel):
            return image, numbers
    image, index = reference.open(owner)
    return image, np.asarray(image.pixels[index])


def _about_colour(image: Image, field: str, channel: str) -> Problem:
    first, *others = (np.asarray(image.pixels[i]) for i in range(3))
    if all(np.array_equal(first, other) for other in others):
        text = "is a grey image saved as colour: red, green and blue are equal, use one of them"
        return Problem("note", "grey-as-colour", text, field, channel)
    return Problem(
        "note", "colour", "is a colour image; its channels are red, green and blue", field, channel
    )


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
