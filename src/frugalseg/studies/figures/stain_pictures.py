"""Pictures of a stain as it was imaged and as stain models predict it (paper A, figures 8 and 10)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from frugalseg.errors import FrugalsegError
from frugalseg.images.read import read_image
from frugalseg.report.previews import preview
from frugalseg.studies.figures.plot_style import short_name
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.scores.curves import names_of
from frugalseg.studies.scores.score_rows import ScoreRow


def find_stain_files(
    rows: Sequence[ScoreRow], channels: Mapping[str, str], out: Path
) -> dict[str, dict[str, Path]]:
    """Return the stains that the stain models of a task predicted, those of the first seed.

    Parameters
    ----------
    rows
        Of the task.
    channels
        Arm of a stain model -> channel that it learned.
    out
        Folder of the study.

    Returns
    -------
    dict
        Test field -> arm -> file; without fields of which nothing was kept.
    """
    found: dict[str, dict[str, Path]] = {}
    for row in sorted(rows, key=lambda one: one.seed):
        file = stain_file(out, row)
        if row.arm in channels and row.arm not in found.get(row.field, {}) and file.is_file():
            found.setdefault(row.field, {})[row.arm] = file
    return found


def stain_file(out: Path, row: ScoreRow) -> Path:
    """Return where the predicted stain of a run lies, if it wrote any."""
    return out / "runs" / row.run / f"{row.field}_stain.tif"


def stain_pictures(
    field: str,
    files: Mapping[str, Path],
    channels: Mapping[str, str],
    words: Mapping[str, str],
    data: StudyData,
) -> dict[str, NDArray[np.uint8]]:
    """Return each stain of a field with what was predicted of it, each stretched to its own grey values.

    Parameters
    ----------
    files
        Arm -> file that holds the predicted stain.
    channels
        Arm -> channel of the stain.
    words
        Arm -> its name, where several arms predict one stain.

    Returns
    -------
    dict
        Heading -> (Y,X) uint8; nothing where a file can't be read or is of another size.

    Raises
    ------
    FrugalsegError
        The field can't be read.
    """
    pictures: dict[str, NDArray[np.uint8]] = {}
    for channel in names_of(channels[arm] for arm in files):
        arms = [arm for arm in files if channels[arm] == channel]
        real = data.plane(field, channel)
        own: dict[str, NDArray[Any]] = {channel: real}
        for arm in arms:
            heading = (
                f"{channel}, predicted" if len(arms) == 1 else f"{channel}, {short_name(words.get(arm, arm))}"
            )
            try:
                own[heading] = np.asarray(read_image(files[arm]).pixels[0, 0])
            except FrugalsegError:
                continue
        if len(own) > 1 and {one.shape for one in own.values()} == {real.shape}:
            pictures |= {heading: preview(one) for heading, one in own.items()}
    return pictures
