"""Which function makes which run."""

from collections.abc import Callable, Mapping
from importlib import import_module

from frugalseg.studies.plan.run_specs import RunSpec
from frugalseg.studies.plan.study_data import StudyData
from frugalseg.studies.runs.work import Work
from frugalseg.studies.scores.score_rows import ScoreRow

_ROOM = "frugalseg.studies.runs"
#: Kind of a run -> module and function that make it, which are imported only then.
MAKERS: Mapping[str, tuple[str, str]] = {
    "stain": (f"{_ROOM}.stain_runs", "run_stain"),
    "student": (f"{_ROOM}.student_runs", "run_student"),
    "labels": (f"{_ROOM}.label_runs", "run_labels"),
    "markers": (f"{_ROOM}.marker_runs", "run_markers"),
}


def prepare(spec: RunSpec) -> None:
    """Import what a run needs, so that the time of a run is not that of starting a process."""
    import_module(MAKERS[spec.kind][0])


def execute(spec: RunSpec, data: StudyData, work: Work) -> list[ScoreRow]:
    """Do what a specification says, and return its scores.

    Parameters
    ----------
    spec
        The run.
    data
        Fields of its task.
    work
        Where to write, the models that it needs, where to compute.

    Raises
    ------
    FrugalsegError
        A field can't be used, training failed, nothing can be written.
    Interrupted
        Ctrl-C or SIGTERM in training; the checkpoint is kept.
    """
    module, name = MAKERS[spec.kind]
    make: Callable[[RunSpec, StudyData, Work], list[ScoreRow]] = getattr(import_module(module), name)
    return make(spec, data, work)
