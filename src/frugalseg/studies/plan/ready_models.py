"""Models that were there before a study: whether they can be started from, and what they have seen of the test fields."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from frugalseg.errors import BadModel, SettingsError
from frugalseg.images.plain_files import shortened
from frugalseg.studies.design.study_design import LabelTask, Model, StudyDesign
from frugalseg.studies.plan.run_specs import RunSpec


def check_models(design: StudyDesign, specs: Sequence[RunSpec], data_root: Path) -> tuple[str, ...]:
    """Read the card of every model that a design starts from; return a warning for each that may know test fields.

    Parameters
    ----------
    design
        The study.
    specs
        Its runs, which say what is tested.
    data_root
        Folder that models are relative to.

    Raises
    ------
    SettingsError
        A folder holds no model, or one that nothing here can start from; the message names task and start.
    """
    found = []
    for name, task in design.tasks.items():
        tested = {field for spec in specs if spec.task == name for field in spec.test}
        for arm, start in _models(task) if isinstance(task, LabelTask) else ():
            seen = [field for field in _learned_from(name, arm, data_root / start.path) if field in tested]
            if seen:
                found.append(
                    f"Task '{name}': the model of start '{arm}' learned from fields of the same names as the test fields "
                    f"{shortened(', '.join(seen))}; if they are the same images, its scores are too good, so test other fields."
                )
    return tuple(found)


def _models(task: LabelTask) -> Iterator[tuple[str, Model]]:
    return ((arm, start) for arm, start in task.starts.items() if isinstance(start, Model))


def _learned_from(task: str, arm: str, folder: Path) -> tuple[str, ...]:
    """Return the names of the fields that a model learned from."""
    from frugalseg.networks.store import load_card  # torch comes with it, which few designs need so early

    try:
        card = load_card(folder)
    except BadModel as error:
        raise SettingsError(f"task '{task}', start '{arm}': {error}") from error
    if card.kind == "markers":
        raise SettingsError(
            f"task '{task}', start '{arm}': {folder} is a marker network; start from a stain model, or one of nuclei or cells"
        )
    return card.training.fields
