"""Every command of the command line: its name, what is typed, and what then runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import click

from frugalseg.cli.parameters import GivenPath
from frugalseg.cli.spelling import SPELLINGS, Spelling

_PATH = GivenPath()
_COMMANDS = "frugalseg.commands"
_SETTINGS = f"{_COMMANDS}.command_settings"
_RESULTS = "frugalseg.cli.results"


class Argument(click.Argument):
    """An argument with a description for the help."""

    def __init__(self, name: str, metavar: str, description: str, many: bool = False) -> None:
        super().__init__([name], metavar=metavar, nargs=-1 if many else 1, required=True, type=_PATH)
        self.description = description


@dataclass(frozen=True)
class Work:
    """What a command runs, as "module:name", which is imported only then.

    Attributes
    ----------
    function
        Is called with keywords: the command's own parameters, and as ``settings`` and ``options`` what the fields below
        name.
    settings
        A pydantic class, whose fields become options.
    """

    function: str
    settings: str | None = None


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes
    ----------
    name
        As typed; "learn stains" is a command of the group "learn".
    help
        What it does, in one sentence.
    work
        What runs, by the value of the option ``--target``; a single one, called "", needs no such option.
    own
        Arguments and options that are no settings.
    options
        Fields of `frugalseg.runs.options.RunOptions` that are options.
    markers
        Whether exactly one of nuclei, a stain model and markers must be given, or at most one of nuclei and markers.
    spellings
        Field name -> how it is typed, where that differs from `frugalseg.cli.spelling.SPELLINGS`.
    show
        Prints the result and returns the exit code, see `frugalseg.cli.results`.
    """

    name: str
    help: str
    work: Mapping[str, Work]
    own: tuple[click.Parameter, ...] = ()
    options: tuple[str, ...] = ()
    markers: Literal["required", "optional"] | None = None
    spellings: Mapping[str, Spelling] = field(default_factory=lambda: SPELLINGS)
    show: str = f"{_RESULTS}:show_run"


INPUTS = Argument(
    "inputs",
    "INPUT...",
    "Image files, a folder of them, a fields.csv (or its folder), or an OME-Zarr image or plate.",
    many=True,
)
AS_JSON = click.Option(
    ["--json", "as_json"], is_flag=True, help="Print the result as JSON, and nothing else, on stdout."
)
RUN_OPTIONS = ("pattern", "where", "axes", "device", "resume", "overwrite", "quiet")


def _out(metavar: str, description: str) -> click.Option:
    return click.Option(["-o", "--out"], metavar=metavar, type=_PATH, required=True, help=description)


_RESULTS_OUT = _out("OUT", "Folder for the results.")
_MODEL_OUT = _out("MODEL", "Folder that becomes the model.")

GROUPS = {"learn": "Train a model, to be used on new images by `predict`."}

COMMANDS = (
    Command(
        "demo",
        "Run everything once on built-in synthetic cells: segment, score, report. Takes minutes on a laptop's CPU.",
        {"": Work(f"{_COMMANDS}.run_demo:run_demo")},
        own=(
            click.Option(
                ["-o", "--out"],
                metavar="OUT",
                type=_PATH,
                default=Path("demo"),
                show_default=True,
                help="Folder for images and results.",
            ),
            click.Option(
                ["--seed"],
                type=click.IntRange(min=0),
                default=0,
                show_default=True,
                help="Start of all random numbers.",
            ),
            AS_JSON,
        ),
        options=("device", "overwrite", "quiet"),
        show=f"{_RESULTS}:show_demo",
    ),
    Command(
        "inspect",
        "Show how inputs are understood: fields, channels, axes, pixel size, and every problem. The exit code is 3 if some "
        "fields can't be used, 1 if none can.",
        {"": Work(f"{_COMMANDS}.inspect_inputs:inspect_inputs")},
        own=(INPUTS, AS_JSON),
        options=("pattern", "where", "axes"),
        show=f"{_RESULTS}:show_inspection",
    ),
    Command(
        "segment",
        "Segment cells without any label: find nuclei and foreground, learn on these very images, report.",
        {
            "cells": Work(f"{_COMMANDS}.segment_cells:segment_cells", f"{_SETTINGS}:SegmentSettings"),
            "nuclei": Work(f"{_COMMANDS}.outline_nuclei:outline_nuclei", f"{_SETTINGS}:OutlineSettings"),
        },
        own=(
            INPUTS,
            _RESULTS_OUT,
            click.Option(
                ["--target"],
                type=click.Choice(["cells", "nuclei"]),
                default="cells",
                show_default=True,
                help="What to find. 'nuclei' outlines the nuclei in the nuclear stain; nothing is learned.",
            ),
            AS_JSON,
        ),
        options=RUN_OPTIONS,
        markers="required",
    ),
    Command(
        "predict",
        "Use a trained model on new images, without training. Channels are by default those it was trained on.",
        {"": Work(f"{_COMMANDS}.predict_fields:predict_fields", f"{_SETTINGS}:PredictSettings")},
        own=(
            Argument("model", "MODEL", "A model folder made by `learn` or `segment`."),
            INPUTS,
            _RESULTS_OUT,
            AS_JSON,
        ),
        options=RUN_OPTIONS,
        markers="optional",
        spellings={**SPELLINGS, "cells": Spelling(("--cells", "--from"), metavar="CH[,CH]")},
    ),
    Command(
        "suggest",
        "Suggest which crops of your images to outline next, so that a model of nuclei or cells learns most. Correct their outlines "
        "in OUT/crops with napari, Cellpose or Fiji: save them over the label maps there, or name the new files (also *_seg.npy and sets "
        "of ROIs) in OUT/crops/fields.csv. Delete from it the rows of crops that you leave out; then `learn labels OUT/crops --labels labels --target cells --start MODEL` learns from them.",
        {"": Work(f"{_COMMANDS}.suggest_crops:suggest_crops", f"{_SETTINGS}:SuggestSettings")},
        own=(
            Argument("model", "MODEL", "A model folder of nuclei or cells, made by `learn` or `segment`."),
            INPUTS,
            _RESULTS_OUT,
            AS_JSON,
        ),
        options=("pattern", "where", "axes", "device", "overwrite", "quiet"),
        show=f"{_RESULTS}:show_suggestions",
    ),
    Command(
        "score",
        "Score label images against true label images: mIoU, AP, F1, AJI and PQ, for each field and on average.",
        {"": Work(f"{_COMMANDS}.score_files:score_files")},
        own=(
            Argument("predicted", "PREDICTED", "A label file, or the folder of a run."),
            Argument(
                "truth", "TRUTH", "A label file, a folder of them, a fields.csv, or an OME-Zarr with labels."
            ),
            click.Option(
                ["--labels"],
                metavar="CH",
                help="Column of the table, label image of the OME-Zarr, channel of the file, or ending of the file names, of the true labels.",
            ),
            click.Option(
                ["--json", "json_file"],
                metavar="FILE",
                type=_PATH,
                help="Write all scores as JSON; '-' prints them.",
            ),
            click.Option(["--overwrite"], is_flag=True, help="Replace a file that already exists."),
        ),
        show=f"{_RESULTS}:show_scores",
    ),
    Command(
        "rois",
        "Write label images as sets of outlines for the ROI manager of ImageJ and Fiji, one for each field.",
        {"": Work(f"{_COMMANDS}.write_roi_sets:write_roi_sets")},
        own=(
            Argument("labels", "LABELS", "A label file, or the folder of a run."),
            _out("OUT", "Folder for the sets."),
            AS_JSON,
        ),
        options=("overwrite", "quiet"),
    ),
    Command(
        "study",
        "Find out how many labels are enough for your images, which start helps, and what no labels reach. A study that was "
        "cut short goes on; only what is missing is run.",
        {"": Work(f"{_COMMANDS}.run_study:study_command")},
        own=(
            Argument(
                "given",
                "DESIGN",
                "A design (YAML file), or the name of one that comes with frugalseg; with --init the images, as of every "
                "command.",
                many=True,
            ),
            _out("OUT", "Folder for the results; with --init the design's file."),
            click.Option(
                ["--init"], is_flag=True, help="Write a commented design for these images, and stop."
            ),
            click.Option(
                ["--data"],
                metavar="FOLDER",
                type=_PATH,
                help="Folder that the files in the design are relative to; by default that of the design.",
            ),
            click.Option(
                ["--workers"],
                type=click.IntRange(min=1),
                help="Number of processes; by default one for each CPU as far as memory allows, that of GPUs too.",
            ),
            click.Option(
                ["--dry-run", "--list", "dry_run"],
                is_flag=True,
                help="List the runs and the time they will take, and stop.",
            ),
            AS_JSON,
        ),
        options=("pattern", "where", "axes", "device", "overwrite", "quiet"),
        show=f"{_RESULTS}:show_study",
    ),
    Command(
        "doctor",
        "Show versions, devices, memory and disk, and how fast a network trains on this machine.",
        {"": Work(f"{_COMMANDS}.check_machine:check_machine")},
        own=(
            click.Option(
                ["-o", "--out", "folder"],
                type=_PATH,
                default=Path(),
                show_default=True,
                help="Folder whose disk is tested.",
            ),
            AS_JSON,
        ),
        show=f"{_RESULTS}:show_machine",
    ),
    Command(
        "learn markers",
        "Learn to segment cells from their nuclei, without any label.",
        {"": Work(f"{_COMMANDS}.learn_markers:learn_markers", f"{_SETTINGS}:LearnMarkersSettings")},
        own=(INPUTS, _out("OUT", "Folder that becomes the model."), AS_JSON),
        options=RUN_OPTIONS,
        markers="required",
    ),
    Command(
        "learn stains",
        "Learn to predict a fluorescent stain from label-free images, without any label. `learn labels` can start from it.",
        {"": Work(f"{_COMMANDS}.learn_stains:learn_stains", f"{_SETTINGS}:LearnStainsSettings")},
        own=(INPUTS, _MODEL_OUT, AS_JSON),
        options=RUN_OPTIONS,
    ),
    Command(
        "learn labels",
        "Learn nuclei or cells from 1 to 50 labelled images; with few of them, cells are learned best on top of a student (`--start OUT/model`).",
        {"": Work(f"{_COMMANDS}.learn_labels:learn_labels", f"{_SETTINGS}:LearnLabelsSettings")},
        own=(INPUTS, _MODEL_OUT, AS_JSON),
        options=RUN_OPTIONS,
    ),
)
