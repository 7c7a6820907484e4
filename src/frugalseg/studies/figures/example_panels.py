"""Panels of examples: what each arm finds in a part of a test field, beside the truth (paper A, figures 8 and 10)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError
from frugalseg.images.label_maps import as_labels
from frugalseg.images.read import read_image
from frugalseg.report.previews import preview
from frugalseg.studies.figures.plot_style import COLUMN, Plot, finish_plot, new_figure, plot_style, short_name
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.scores.score_rows import ScoreRow

MOST_FIELDS = 3
"""Rows of a panel."""

DIAMETERS = 9
"""Side of the part that is shown, in median diameters of the true objects."""

_MOST_COLUMNS = 6
_HEADING = 0.2  # inches above a picture
_FOUND, _TRUE = (255, 212, 0), (0, 220, 255)


@dataclass(frozen=True, eq=False)
class Example:
    """One test field.

    Attributes
    ----------
    name
        Of the field.
    image
        (Y,X) or (Y,X,3) uint8.
    truth
        (Y,X) labels; 0 background, negative not annotated. None: there is nothing to find but a stain.
    found
        Arm -> labels (Y,X).
    stains
        Heading -> (Y,X) uint8: stains, imaged and predicted.
    """

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[Any] | None
    found: Mapping[str, NDArray[Any]]
    stains: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)


#: Name of a field -> pictures of its stains; may raise `FrugalsegError`.
Stains = Callable[[str], Mapping[str, NDArray[np.uint8]]]


def find_examples(
    rows: Sequence[ScoreRow],
    data: StudyData,
    inputs: Mapping[str, str],
    labels: str,
    out: Path,
    stains: Stains | None = None,
) -> list[Example]:
    """Return the first test fields in which the labels of every arm can be read, those of the first seed.

    Parameters
    ----------
    rows
        Of one task, metric and number of steps, with one budget.
    data
        Fields of the task.
    inputs
        Arm -> channels that it sees; the picture shows those of the first arm.
    labels
        Channel of the truth.
    out
        Folder of the study.
    stains
        Pictures of a field's stains, of which those are shown that every example has.
    """
    arms = tuple(inputs)
    paths: dict[str, dict[str, Path]] = {}
    for row in sorted(rows, key=lambda one: one.seed):
        file = label_file(out, row)
        if row.arm in inputs and file.is_file():
            paths.setdefault(row.field, {}).setdefault(row.arm, file)
    examples: list[Example] = []
    for name, files in paths.items():
        if len(files) < len(arms) or len(examples) == MOST_FIELDS:
            continue
        try:
            image, truth = data.inputs(name, inputs[arms[0]]), data.labels(name, labels)
            found = {arm: read_labels(files[arm]) for arm in arms}
            shown = stains(name) if stains is not None else {}
        except FrugalsegError:  # the scores stand without a picture
            continue
        if {one.shape for one in found.values()} == {truth.shape} == {image.shape[-2:]}:
            examples.append(Example(name, preview(image[:3]), truth, found, shown))
    return same_stains(examples)


def find_stain_examples(names: Iterable[str], data: StudyData, inputs: str, stains: Stains) -> list[Example]:
    """Return the first test fields of which predicted stains can be read, with what the models saw.

    Parameters
    ----------
    names
        Of the test fields.
    data
        Fields of the task.
    inputs
        Channels that the models see.
    stains
        Pictures of a field's stains.
    """
    examples: list[Example] = []
    for name in names:
        if len(examples) == MOST_FIELDS:
            break
        try:
            image, shown = data.inputs(name, inputs), stains(name)
        except FrugalsegError:
            continue
        if shown and {one.shape for one in shown.values()} == {image.shape[-2:]}:
            examples.append(Example(name, preview(image[:3]), None, {}, shown))
    return same_stains(examples)


def same_stains(examples: Sequence[Example]) -> list[Example]:
    """Return examples with the stains that all of them have, of the image's size: every row has the same columns."""
    kept = [
        heading
        for heading in (examples[0].stains if examples else ())
        if all(heading in one.stains and one.stains[heading].shape == one.image.shape[:2] for one in examples)
    ]
    return [replace(one, stains={heading: one.stains[heading] for heading in kept}) for one in examples]


def label_file(out: Path, row: ScoreRow) -> Path:
    """Return where the labels of a run lie, if it wrote any."""
    return out / "runs" / row.run / f"{row.field}_labels.tif"


def read_labels(path: Path) -> NDArray[Any]:
    """Return the label map (Y,X) that a run wrote."""
    return as_labels(np.asarray(read_image(path).pixels[0, 0]), path.name)


def draw_examples(
    name: str, examples: Sequence[Example], words: Mapping[str, str], title: str, caption: str
) -> Plot | None:
    """Draw one row per field: the image, its stains, the truth, and what each arm found; None without examples.

    Each picture is a part of the field, which no result decides: the square with the most true objects, or the middle where
    none are known.

    Parameters
    ----------
    words
        Arm -> its name above the column.
    """
    if not examples:
        return None
    shown = [list(_pictures(one, words)) for one in examples]
    lines = -(-len(shown[0]) // _MOST_COLUMNS)
    columns = -(-len(shown[0]) // lines)
    side = min(2 * COLUMN / columns, COLUMN / 2)
    with plot_style():
        rows = len(examples) * lines
        # A grid that is known beforehand: to lay out so many axes by their contents takes seconds.
        figure = new_figure(rows * (side + _HEADING), columns * side, laid_out=False)
        space = {"wspace": 0.04, "hspace": _HEADING / side, "left": 0, "right": 1, "bottom": 0}
        top = 1 - _HEADING / (rows * (side + _HEADING))
        grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw={**space, "top": top})
        for axes in grid.ravel():
            axes.set_axis_off()
        for at, pictures in enumerate(shown):
            for i, (heading, picture) in enumerate(pictures):
                axes = grid[at * lines + i // columns, i % columns]
                axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axes.set_title(heading, fontsize=heading_size(heading, side), pad=2, parse_math=False)
        return finish_plot(figure, name, title, caption)


def _pictures(example: Example, words: Mapping[str, str]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield heading and picture, from left to right."""
    image, truth = example.image, example.truth
    window = middle_window(image.shape) if truth is None else busiest_window(truth)
    yield example.name, image[window]
    for heading, stain in example.stains.items():
        yield heading, stain[window]
    if truth is not None:
        yield "truth", outlined(image[window], truth[window], _TRUE)
    for arm, labels in example.found.items():
        yield short_name(words.get(arm, arm)), outlined(image[window], labels[window], _FOUND)


def heading_size(heading: str, width: float) -> float:
    """Return the font size, points, at which a heading fits a width in inches; 7 at most.

    >>> heading_size("truth", 1.2), round(heading_size("stain model 'nuclear_stain'", 1.2), 1)
    (7.0, 5.3)
    """
    return min(7.0, 72 * width / (0.6 * max(len(heading), 1)))  # a letter is about 0.6 of its size wide


def busiest_window(truth: NDArray[Any]) -> tuple[slice, slice]:
    """Return the square of nine median diameters, or the whole field, that holds the most true objects.

    Parameters
    ----------
    truth
        (Y,X) labels.
    """
    ids, first, sizes = np.unique(truth, return_index=True, return_counts=True)
    real = ids > 0
    if not real.any():
        return slice(None), slice(None)
    side = max(round(DIAMETERS * float(np.median(np.sqrt(sizes[real] * 4 / np.pi)))), 64)
    ys, xs = np.divmod(first[real], truth.shape[1])  # the top of each object is place enough
    tops, lefts = (_starts(length, side) for length in truth.shape)
    counts = {
        (top, left): np.count_nonzero((ys >= top) & (ys < top + side) & (xs >= left) & (xs < left + side))
        for top in tops
        for left in lefts
    }
    top, left = max(counts, key=counts.__getitem__)
    return slice(top, top + side), slice(left, left + side)


def middle_window(shape: Sequence[int]) -> tuple[slice, slice]:
    """Return the square in the middle of an image (Y,X,...), a quarter of the shorter side wide and at least 256 px.

    >>> middle_window((2000, 2160))
    (slice(750, 1250, None), slice(830, 1330, None))
    """
    side = max(min(shape[:2]) // 4, 256)
    top, left = (max(length - side, 0) // 2 for length in shape[:2])
    return slice(top, top + side), slice(left, left + side)


def outlined(
    image: NDArray[np.uint8], labels: NDArray[Any], colour: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return an image (Y,X,3) with the border pixels of every object in a colour."""
    from skimage.segmentation import find_boundaries

    picture = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image.copy()
    picture[find_boundaries(np.maximum(labels, 0), mode="inner")] = colour
    return picture


def _starts(length: int, side: int) -> list[int]:
    last = max(length - side, 0)
    return [*range(0, last, max(side // 4, 1)), last]
