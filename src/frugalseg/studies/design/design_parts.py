"""What designs of all kinds of tasks share: fields, starts, and the check of a model's settings."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
)

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_+-]*$"
Name = Annotated[str, Field(pattern=_NAME, max_length=60)]


def _no_boolean(given: Any) -> Any:
    """Refuse yes, no, on, off, true and false, which YAML takes for truth values, and pydantic for 1 and 0."""
    if isinstance(given, bool):
        raise ValueError(f"a number is needed, and {str(given).lower()} was given")
    return given


Seed = Annotated[int, BeforeValidator(_no_boolean), Field(ge=0, le=2**32 - 1)]
Steps = Annotated[int, BeforeValidator(_no_boolean), Field(ge=1)]

#: Settings of models that are settings of a task of labels or stains, and their names there.
OF_TASK = {"seed": "`seeds` of the task", "max_steps": "`steps` of the task"}
#: Those of a stain model that other models start from, or that predicts their nuclei.
OF_START = {
    "seed": "`seed` of the stain model, beside `stain_settings`",
    "max_steps": "`steps` of the stain model, beside `stain_settings`",
}


class Part(BaseModel):
    """A part of a design, checked and unchangeable."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SyntheticData(Part):
    """Cells that are drawn, with known truth; see `frugalseg.synthetic.cells.make_cells`."""

    n_fields: int = Field(default=4, ge=2, le=1000, description="Number of fields.")
    seed: Seed = 0
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Of `make_cells`, and `shape`: [Y, X]."
    )


def _as_list(given: Any) -> Any:
    """Return a single text as a list of one, which is how a task with one folder is written."""
    if not isinstance(given, str | list | tuple):
        raise ValueError(f"{given!r} was given; give a text, or a list of texts")
    return (given,) if isinstance(given, str) else given


def _kind_of_data(given: Any) -> Literal["files", "drawn"]:
    """Return which kind of fields is meant, so that a message is about that one alone."""
    return "drawn" if isinstance(given, Mapping | SyntheticData) else "files"


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Fields = Annotated[
    Annotated[Texts, Tag("files")] | Annotated[SyntheticData, Tag("drawn")], Discriminator(_kind_of_data)
]


class FieldSource(Part):
    """Where the fields of a task are, and which of them are taken."""

    data: Fields = Field(
        description="Files, folders or tables as of every command, relative to the folder of data; or `n_fields` of synthetic "
        "cells."
    )
    pattern: str | None = None
    where: Texts = ()
    axes: str | None = None


class Nothing(Part):
    """Random weights."""

    kind: Literal["nothing"]
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Of `ObjectModelSettings`, for this start."
    )


class ImageNet(Part):
    """Weights of ImageNet in the encoder, random ones elsewhere."""

    kind: Literal["imagenet"]
    settings: dict[str, Any] = Field(default_factory=dict)


class Stain(Part):
    """A stain model, which learns from all fields of the task but the test fields (paper A)."""

    kind: Literal["stain"]
    stain: str = Field(description="Channel of the stain.")
    inputs: str | None = Field(default=None, description="Label-free channels; those of the task by default.")
    steps: Steps | Annotated[tuple[Steps, ...], Field(min_length=1)] = Field(
        default=600,
        description="Length of its training; of several numbers the largest, and it is scored after each.",
    )
    seed: Seed | None = Field(
        default=None,
        description="Its own seed: one stain model for all seeds of the task. None: one for each.",
    )
    stain_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Of `StainModelSettings`; encoder, scale, crop and batch are those of a labels task unless given here.",
    )
    settings: dict[str, Any] = Field(default_factory=dict)


class Student(Part):
    """A self-trained student, which learns without labels from all fields of the task but the test fields."""

    kind: Literal["student"]
    nuclei: str = Field(description="Channel of the nuclear stain.")
    start: Name | None = Field(
        default=None, description="Start of the task that the student itself starts from."
    )
    student_settings: dict[str, Any] = Field(default_factory=dict, description="Of `SelfTrainingSettings`.")
    settings: dict[str, Any] = Field(default_factory=dict)


class Model(Part):
    """A model that is there already."""

    kind: Literal["model"]
    path: str = Field(description="Its folder, relative to the folder of the data.")
    settings: dict[str, Any] = Field(default_factory=dict)


Start = Annotated[Nothing | ImageNet | Stain | Student | Model, Field(discriminator="kind")]


def _check_test_fields(given: Any) -> Any:
    """Refuse what is neither "leave-one-out" nor names, folds without a field, and fields that a fold names twice."""
    if given == "leave-one-out":
        return given
    if not isinstance(given, list | tuple):
        raise ValueError(
            f"{given!r} was given; give leave-one-out, a list of fields, or a list of such lists: one for each fold"
        )
    several = bool(given) and all(isinstance(fold, list | tuple) for fold in given)
    for fold in given if several else (given,):
        if not fold:
            raise ValueError("no test field is named; name at least one in each list, or give leave-one-out")
        wrong = next((field for field in fold if not isinstance(field, str)), None)
        if wrong is not None:
            raise ValueError(
                f"{wrong!r} is no name of a field; give names, those that are numbers in quotes, in one list or in a list of lists"
            )
        twice = next((field for field in fold if fold.count(field) > 1), None)
        if twice is not None:
            raise ValueError(f"test field {twice!r} is named twice in one list; name each once")
    return given


TestFields = Annotated[
    Literal["leave-one-out"] | tuple[tuple[str, ...], ...] | tuple[str, ...],
    BeforeValidator(_check_test_fields),
]


def check_settings(kind: type[BaseModel], given: dict[str, Any], by_task: Mapping[str, str]) -> None:
    """Check settings of a model.

    Parameters
    ----------
    kind
        Which settings they are.
    given
        Names and values.
    by_task
        Settings that are decided elsewhere -> where.

    Raises
    ------
    ValueError
        For pydantic, in one sentence.

    Examples
    --------
    >>> from frugalseg.models.model_settings import MarkerModelSettings
    >>> check_settings(MarkerModelSettings, {"preset": "fast"}, {})
    Traceback (most recent call last):
    ...
    ValueError: `preset`: Input should be 'default' or 'paper' ('fast' was given)
    """
    own = sorted(by_task.keys() & given.keys())
    if own:
        raise ValueError(f"`{own[0]}` is no setting here; use {by_task[own[0]]}")
    try:
        settings = kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(kind.model_fields.keys() - by_task.keys()))
            raise ValueError(f"there is no setting `{name}`; allowed are {known}") from error
        raise ValueError(f"`{name}`: {first['msg']} ({first['input']!r} was given)") from error
    for name, value in given.items():
        if isinstance(value, bool) and not isinstance(getattr(settings, name), bool):
            raise ValueError(f"`{name}`: a number is needed, and {str(value).lower()} was given")
