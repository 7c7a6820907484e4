"""``frugalseg demo``: everything once, on synthetic cells whose truth is known."""

from pathlib import Path

from frugalseg.commands.command_settings import SegmentSettings
from frugalseg.commands.segment_cells import segment_cells
from frugalseg.errors import Interrupted, OutputExists
from frugalseg.runs.manifest import RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.output_folder import RUN
from frugalseg.runs.records import read_json
from frugalseg.runs.synthetic_set import write_synthetic_set

FIELDS = 2
SIDE = 256
DIAMETER = 30.0
#: States of a run that was cut short.
UNFINISHED = ("running", "interrupted")
#: Enough for cells as plain as these.
MAX_STEPS = 200


def run_demo(out: str | Path = "demo", seed: int = 0, options: RunOptions | None = None) -> RunResult:
    """Write synthetic fields to ``OUT/images``, segment them from phase contrast and nuclei, and score the result.

    A demo that was cut short is completed.

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
    Interrupted
        Ctrl-C; what was done is kept.
    """
    out, options = Path(out), options or RunOptions()
    goes_on = not options.overwrite
    if goes_on and (out / RUN).exists() and read_json(out / RUN).get("state") not in UNFINISHED:
        raise OutputExists(
            f"{out} holds a demo already; give `overwrite` to replace it, or another folder as `out`"
        )
    table = write_synthetic_set(
        out / "images",
        FIELDS,
        seed=seed,
        overwrite=options.overwrite,
        keep=goes_on,
        shape=(SIDE, SIDE),
        diameter=DIAMETER,
    )
    settings = SegmentSettings(
        cells=("phase",), nuclei="nuclear", truth="cells", max_steps=MAX_STEPS, seed=seed
    )
    try:
        return segment_cells([table], out, settings, options.model_copy(update={"resume": goes_on}))
    except Interrupted as error:
        raise Interrupted(
            f"the demo was interrupted; what was done is kept in {out}, so run the same command again to go on"
        ) from error
