"""Options that several commands share, so that they read and mean the same everywhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT...",
        help="Image files, a folder of them, a fields.csv (or its folder), or an OME-Zarr image or plate.",
        show_default=False,
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(help="How file names are made, such as '{field}_{channel}.tif'.", show_default=False),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        help="Which rows to take: split=train, field!=a,b. Repeatable; all must hold.", show_default=False
    ),
]
Out = Annotated[
    Path, typer.Option("-o", "--out", metavar="OUT", help="Folder for the results.", show_default=False)
]
Cells = Annotated[
    str,
    typer.Option(
        metavar="CH[,CH]", help="Channels that show the whole cell: names or indices.", show_default=False
    ),
]
CellsIfCells = Annotated[
    str | None,
    typer.Option(
        "--cells",
        metavar="CH[,CH]",
        help="Channels that show the whole cell: names or indices. Required for --target cells.",
        show_default=False,
    ),
]
Target = Literal["cells", "nuclei"]
SegmentTarget = Annotated[
    Target,
    typer.Option("--target", help="'nuclei': only the nuclei of the stain --nuclei; nothing is learned."),
]
OutlineLevel = Annotated[
    float | None,
    typer.Option(
        metavar="0..1",
        help="--target nuclei: where outlines lie between background (0) and nucleus (1); without it, where they are "
        "steepest.",
        show_default=False,
    ),
]
Nuclei = Annotated[
    str | None,
    typer.Option(
        metavar="CH", help="Channel with the nuclear stain; markers are found in it.", show_default=False
    ),
]
MarkersFrom = Annotated[
    str | None,
    typer.Option(
        "--markers",
        metavar="CH",
        help="Your own markers instead: a label image, one label per cell.",
        show_default=False,
    ),
]
Diameter = Annotated[
    float | None,
    typer.Option(
        metavar="PX", help="Diameter of a typical cell in px; estimated without it.", show_default=False
    ),
]
NucleiDiameter = Annotated[
    float | None,
    typer.Option(
        metavar="PX", help="Diameter of a typical nucleus in px; estimated without it.", show_default=False
    ),
]
ForegroundMethod = Literal["auto", "intensity", "texture", "scribbles"]
Foreground = Annotated[
    ForegroundMethod,
    typer.Option(
        help="How to tell cells from background: grey values (fluorescence), texture (label-free), your scribbles, or "
        "whichever suits the image.",
    ),
]
Scribbles = Annotated[
    str | None,
    typer.Option(
        metavar="CH",
        help="Label image with a few strokes: 1 background, 2 cell, 0 elsewhere.",
        show_default=False,
    ),
]
Mask = Annotated[
    str | None,
    typer.Option(
        metavar="CH", help="Your own foreground: above 0 where there are cells.", show_default=False
    ),
]
Truth = Annotated[
    str | None,
    typer.Option(
        metavar="CH",
        help="True labels, only to score the result; fields without are fine.",
        show_default=False,
    ),
]
PresetName = Literal["default", "paper"]
Preset = Annotated[
    PresetName,
    typer.Option(help="'paper' is the published method to the letter, 'default' what measured better."),
]
MaxSteps = Annotated[
    int | None,
    typer.Option(
        min=1, help="Most training steps; it stops earlier when the loss is stable.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Decides everything random.")]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Device = Annotated[DeviceName, typer.Option(help="Where to compute.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut short.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only problems.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, and nothing else, on stdout.")
]
NoBaselines = Annotated[
    bool,
    typer.Option("--no-baselines", help="Leave out the classical methods that results are compared with."),
]


def names_of(channels: str) -> tuple[str, ...]:
    """Channel names from CH,CH; `typer.BadParameter` where one is empty.

    >>> names_of("phase, 2")
    ('phase', '2')
    """
    names = tuple(name.strip() for name in channels.split(","))
    if not all(names):
        raise typer.BadParameter(f"{channels!r} has an empty channel name; give CH or CH,CH")
    return names


def only_for_cells(**given: object) -> None:
    """`typer.BadParameter` where an option was given that has no meaning with ``--target nuclei``."""
    names = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if names:
        raise typer.BadParameter(f"{', '.join(names)} can't be combined with --target nuclei; leave it out")


def require_markers(nuclei: str | None, markers: str | None) -> None:
    """`typer.BadParameter` unless exactly one of the two says where the cells are."""
    if (nuclei is None) == (markers is None):
        raise typer.BadParameter(
            "give either --nuclei CH or --markers CH: every cell starts from one of them"
        )
