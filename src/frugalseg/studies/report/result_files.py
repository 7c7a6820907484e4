"""Files that follow from the scores of a study, and their removal where they no longer do."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from frugalseg.errors import OutputFailed

SCORES, CURVES, DIFFERENCES, ANSWERS = "scores.csv", "curves.csv", "differences.csv", "answers.json"
REPORT, STUDY = "report.html", "study.json"


def remove_results(out: Path, tasks: Iterable[str]) -> None:
    """Remove what follows from the scores of earlier runs of these tasks: page, answers, curves, differences, figures.

    Raises
    ------
    OutputFailed
        One can't be removed.
    """
    for name in (REPORT, ANSWERS, DIFFERENCES, CURVES):
        _remove(out / name)
    remove_other_figures(out, (), tasks)


def remove_other_figures(out: Path, kept: Collection[str], tasks: Iterable[str]) -> None:
    """Remove figures of these tasks of a study, but not files to be kept; all that has another name stays.

    Raises
    ------
    OutputFailed
        One can't be removed.
    """
    names = "|".join(map(re.escape, tasks))
    figure = re.compile(
        rf"((curves|bars|fields|learning|examples)_({names})(_\d+_steps)?|nuclei_gain)\.(png|svg)"
    )
    for path in sorted(out.iterdir()):
        if figure.fullmatch(path.name) and path.name not in kept and path.is_file():
            _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputFailed(
            f"{path} is of earlier runs and could not be removed: {error.strerror or error}; remove it, or choose another "
            "folder"
        ) from error
