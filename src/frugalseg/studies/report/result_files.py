"""Files that follow from the scores of a study, and their removal where they no longer do."""

import re
from collections.abc import Collection
from pathlib import Path

from frugalseg.errors import OutputFailed

SCORES, CURVES, DIFFERENCES, ANSWERS = "scores.csv", "curves.csv", "differences.csv", "answers.json"
REPORT, STUDY = "report.html", "study.json"

#: Figures of a task, with its name behind, and that of the whole study.
_FIGURE = re.compile(r"((curves|bars|fields|learning|examples)_.+|nuclei_gain)\.(png|svg)")


def remove_results(out: Path) -> None:
    """Remove what follows from the scores of another design: page, answers, curves, differences and figures.

    Raises
    ------
    OutputFailed
        One can't be removed.
    """
    for name in (REPORT, ANSWERS, DIFFERENCES, CURVES):
        _remove(out / name)
    remove_other_figures(out, ())


def remove_other_figures(out: Path, kept: Collection[str]) -> None:
    """Remove figures of a study, but not these files; all that has another name than a figure stays.

    Raises
    ------
    OutputFailed
        One can't be removed.
    """
    for path in sorted(out.iterdir()):
        if _FIGURE.fullmatch(path.name) and path.name not in kept and path.is_file():
            _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputFailed(
            f"{path} is of an earlier design and could not be removed: {error.strerror or error}; remove it, or choose another "
            "folder"
        ) from error
