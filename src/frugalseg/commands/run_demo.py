"""``frugalseg demo``: everything once, on synthetic cells whose truth is known."""

from pathlib import Path

from frugalseg.commands.command_settings import SegmentSettings
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.errors import OutputExists
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.synthetic_set import write_synthetic_set

FIELDS = 2
SIDE = 256
DIAMETER = 30.0
#: Enough for cells as plain as these.
MAX_STEPS = 200


def run_demo(out: str | Path = "demo", seed: int = 0, options: RunOptions | None = None) -> RunResult:
    """Write synthetic fields to ``OUT/images``, segment them from phase contrast and nuclei, and score the result.

    Parameters
    ----------
    out
        Folder for the results, and in its folder ``images`` for the images.
    seed
        Start of all random numbers, of the images and of the training.
    options
        Where to compute, and whether an earlier demo may be replaced.

    Raises
    ------
    OutputExists, OutputFailed
        There is a demo already; nothing can be written.
    """
    out, options = Path(out), options or RunOptions()
    if (out / "run.json").exists() and not options.overwrite:
        raise OutputExists(
            f"{out} holds a demo already; give `overwrite` to replace it, or another folder as `out`"
        )
    table = write_synthetic_set(
        out / "images", FIELDS, seed=seed, shape=(SIDE, SIDE), diameter=DIAMETER, overwrite=options.overwrite
    )
    settings = SegmentSettings(
        cells=("phase",), nuclei="nuclear", truth="cells", max_steps=MAX_STEPS, seed=seed
    )
    return segment_cells([table], out, settings, options)
