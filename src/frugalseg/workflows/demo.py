"""``frugalseg demo``: everything once, on synthetic cells whose truth is known."""

from pathlib import Path
from typing import Literal

from frugalseg.errors import OutputExists
from frugalseg.runs.synthetic_set import write_synthetic_set
from frugalseg.workflows.outputs import RunResult
from frugalseg.workflows.segment import SegmentSettings, segment_fields

FIELDS = 2
SIDE = 256
DIAMETER = 30.0
#: Enough for cells as plain as these.
MAX_STEPS = 1000


def run_demo(
    out: str | Path = "demo",
    *,
    seed: int = 0,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    overwrite: bool = False,
    quiet: bool = False,
) -> RunResult:
    """Write synthetic fields to ``OUT/images``, segment them from phase contrast and nuclei, and score the result.

    Parameters
    ----------
    out
        Results go into it, images into its folder ``images``.
    seed
        Of the images and of the training.
    device
        Where to compute.
    overwrite
        Replace an earlier demo.

    Raises
    ------
    OutputExists, OutputFailed
        There is a demo already; nothing can be written.
    """
    out = Path(out)
    if (out / "run.json").exists() and not overwrite:
        raise OutputExists(
            f"{out} holds a demo already; give --overwrite to replace it, or another folder with -o"
        )
    table = write_synthetic_set(
        out / "images", FIELDS, seed=seed, shape=(SIDE, SIDE), diameter=DIAMETER, overwrite=overwrite
    )
    settings = SegmentSettings(
        cells=("phase",), nuclei="nuclear", truth="cells", max_steps=MAX_STEPS, seed=seed
    )
    return segment_fields([table], out, settings, device=device, overwrite=overwrite, quiet=quiet)
