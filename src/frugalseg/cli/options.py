"""Options that several commands share, so that they read and mean the same everywhere."""

import re
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
NucleiFrom = Annotated[
    str | None,
    typer.Option(
        "--nuclei-from",
        metavar="MODEL",
        help="Stain model that predicts the nuclear stain where none was imaged; --nuclei is then only compared with.",
        show_default=False,
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
    typer.Option(help="'paper' has the paper's numbers, 'default' what measured better."),
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
ModelOut = Annotated[
    Path,
    typer.Option("-o", "--out", metavar="MODEL", help="Folder that becomes the model.", show_default=False),
]
_FROM = "Label-free channels and focal planes, such as 'phase[1,3,5],brightfield'."
From = Annotated[str, typer.Option("--from", metavar="CH[,CH]", help=_FROM, show_default=False)]
FromOrStart = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="CH[,CH]", help=f"{_FROM} Those of --start without it.", show_default=False
    ),
]
To = Annotated[str, typer.Option(metavar="CH", help="Channel of the stain to predict.", show_default=False)]
ProjectionName = Literal["max", "mean", "focus"]
Project = Annotated[
    ProjectionName,
    typer.Option(help="How focal planes of the stain become one: maximum, mean, or the sharpest one."),
]
Scale = Annotated[
    float | None,
    typer.Option(
        help="Network px per image px; by default so that nuclei are 20 px and cells 30 px wide.",
        show_default=False,
    ),
]
EncoderChoice = Literal["small", "efficientnet_lite0", "densenet121"]
Encoder = Annotated[
    EncoderChoice | None,
    typer.Option(
        help="Way down of the U-Net; 'small' is the default, 'densenet121' the paper's.", show_default=False
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="imagenet|none|FILE",
        help="Weights that the encoder starts from; 'none' is the default.",
        show_default=False,
    ),
]
Crop = Annotated[
    int | None,
    typer.Option(
        min=32, metavar="PX", help="Side of the crops, px at the network's scale.", show_default=False
    ),
]
Batch = Annotated[int | None, typer.Option(min=1, help="Crops per training step.", show_default=False)]
NoHoldOut = Annotated[
    bool,
    typer.Option(
        "--no-hold-out", help="Learn from everything; without it a part decides which weights are kept."
    ),
]
Labels = Annotated[
    str,
    typer.Option(
        "--labels",
        metavar="CH",
        help="Label maps; below 0: not annotated. Fields without any are left out.",
        show_default=False,
    ),
]
LabelTarget = Annotated[
    Literal["nuclei", "cells"],
    typer.Option("--target", help="What is outlined, and to be found.", show_default=False),
]
Start = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL",
        help="Stain model, or model of nuclei or cells, to start from.",
        show_default=False,
    ),
]
Slope = Annotated[
    float | None,
    typer.Option(
        min=0, help="Of the sigmoid behind the stain, for nuclei; 1 in the paper.", show_default=False
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Weight of the mask's loss, for cells; the initial ratio of both losses without it.",
        show_default=False,
    ),
]
Height = Annotated[
    float | None,
    typer.Option(
        "--h",
        metavar="PERCENT",
        help="Height of a maximum of the distance map that is a cell of its own; 20 by default.",
        show_default=False,
    ),
]


def names_of(channels: str) -> tuple[str, ...]:
    """Channel names from CH,CH; `typer.BadParameter` where one is empty. Commas in brackets separate focal planes.

    >>> names_of("phase[1,3], 2")
    ('phase[1,3]', '2')
    """
    names = tuple(name.strip() for name in re.split(r",(?![^\[\]]*\])", channels))
    if not all(names):
        raise typer.BadParameter(f"{channels!r} has an empty channel name; give CH or CH,CH")
    return names


def only_for_cells(**given: object) -> None:
    """`typer.BadParameter` where an option was given that has no meaning with ``--target nuclei``."""
    names = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if names:
        raise typer.BadParameter(f"{', '.join(names)} can't be combined with --target nuclei; leave it out")


def require_markers(nuclei: str | None, markers: str | None, nuclei_from: str | None = None) -> None:
    """`typer.BadParameter` unless exactly one of them says where the cells are."""
    real = nuclei if nuclei_from is None else nuclei_from
    if (real is None) == (markers is None):
        raise typer.BadParameter(
            "give one of --nuclei CH, --nuclei-from MODEL and --markers CH: every cell starts from it"
        )
