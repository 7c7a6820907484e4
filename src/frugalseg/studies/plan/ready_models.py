"""Models that were there before a study: whether they can be started from, and what they have seen of the test fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from frugalseg.errors import BadModel, SettingsError
from frugalseg.images.plain_files import shortened
from frugalseg.models.allowed_starts import check_settings_of_start
from frugalseg.models.model_settings import ObjectModelSettings
from frugalseg.studies.design.study_design import LabelTask, Model, StudyDesign
from frugalseg.studies.plan.run_specs import LabelRun, RunSpec

if TYPE_CHECKING:  # torch comes with it, which few designs need so early
    from frugalseg.networks.cards import ObjectCard, StainCard

    #: Task and start -> card of its model.
    Cards = Mapping[tuple[str, str], StainCard | ObjectCard]


def read_cards(design: StudyDesign, data_root: Path) -> Cards:
    """Read the card of every model that a design starts from.

    Parameters
    ----------
    design
        The study.
    data_root
        Folder that models are relative to.

    Raises
    ------
    SettingsError
        A folder holds no model, or one that can't be started from with these settings; the message names task and start.
    """
    found = {}
    for name, task in design.tasks.items():
        if not isinstance(task, LabelTask):
            continue
        for arm, start in task.starts.items():
            if isinstance(start, Model):
                try:
                    found[name, arm] = _checked_card(task, start, data_root / start.path)
                except (BadModel, SettingsError) as error:
                    raise SettingsError(f"task '{name}', start '{arm}': {error}") from error
    return found


def _checked_card(task: LabelTask, start: Model, folder: Path) -> StainCard | ObjectCard:
    """Return the card of a start."""
    from frugalseg.networks.cards import ObjectCard, StainCard
    from frugalseg.networks.store import load_card

    card = load_card(folder)
    if not isinstance(card, StainCard | ObjectCard):
        raise BadModel(f"{folder} is a marker network; start from a stain model, or one of nuclei or cells")
    settings = ObjectModelSettings.model_validate({**task.settings, **start.settings})
    check_settings_of_start(settings, task.target, card.kind)
    if card.kind != task.target and not any(map(any, task.budgets)):
        raise SettingsError(
            f"{folder} is a model of kind '{card.kind}' and finds no {task.target} before it has learned from labels, and `budgets` "
            "is 0 only; add a larger one, or leave the start out"
        )
    return card


def without_unfit(specs: Sequence[RunSpec], cards: Cards) -> tuple[RunSpec, ...]:
    """Return the runs without those that would score a model with nothing outlined, which finds other objects."""

    def unfit(spec: RunSpec) -> bool:
        if not isinstance(spec, LabelRun) or spec.outlined:
            return False
        card = cards.get((spec.task, spec.arm))
        return card is not None and card.kind != spec.target

    return tuple(spec for spec in specs if not unfit(spec))


def doubts_about(cards: Cards, specs: Sequence[RunSpec]) -> tuple[str, ...]:
    """Return a warning for each model that may know fields that are tested.

    Parameters
    ----------
    cards
        Of the models, see `read_cards`.
    specs
        All runs, which say what is tested.
    """
    found = []
    for (name, arm), card in cards.items():
        tested = {field for spec in specs if spec.task == name for field in spec.test}
        seen = [field for field in card.training.fields if field in tested]
        if seen:
            found.append(
                f"Task '{name}': the model of start '{arm}' learned from fields of the same names as the test fields "
                f"{shortened(', '.join(seen))}; if they are the same images, its scores are too good, so test other fields."
            )
    return tuple(found)
