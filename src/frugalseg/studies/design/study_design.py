"""The design of a study: tasks, starts, label budgets, seeds and test fields, read from YAML and checked."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from frugalseg.errors import SettingsError, UnreadableFile
from frugalseg.models.allowed_starts import StartKind, check_settings_of_start
from frugalseg.models.model_settings import ObjectModelSettings, SelfTrainingSettings, StainModelSettings
from frugalseg.studies.design.design_parts import (
    OF_START,
    OF_TASK,
    FieldSource,
    ImageNet,
    Model,
    Name,
    Nothing,
    Part,
    Seed,
    Stain,
    Start,
    Steps,
    Student,
    SyntheticData,
    TestFields,
    check_settings,
)
from frugalseg.studies.design.marker_design import MarkerArm, MarkerTask

__all__ = [
    "Budget",
    "Comparison",
    "FieldSource",
    "ImageNet",
    "LabelTask",
    "MarkerArm",
    "MarkerTask",
    "Model",
    "Nothing",
    "Stain",
    "StainTask",
    "Start",
    "Student",
    "StudyDesign",
    "SyntheticData",
    "Task",
    "parse_budget",
]


class Budget(NamedTuple):
    """So much is outlined: whole fields, or crops of one field each.

    Examples
    --------
    >>> str(Budget(fields=2)), str(Budget(crops=1)), str(Budget())
    ('2 fields', '1 crop', 'nothing')
    """

    fields: int = 0
    crops: int = 0

    def __str__(self) -> str:
        """Return the budget as tables name it."""
        number, what = (self.crops, "crop") if self.crops else (self.fields, "field")
        return f"{number} {what}{'' if number == 1 else 's'}" if number else "nothing"


def parse_budget(given: Any) -> Budget:
    """Return the budget that a design writes as a number of fields, or as "2 crops".

    Raises
    ------
    ValueError
        It is neither.

    Examples
    --------
    >>> parse_budget("1 crop")
    Budget(fields=0, crops=1)
    """
    if isinstance(given, Budget):
        return given
    if isinstance(given, list | tuple) and len(given) == 2 and 0 in given:  # a budget that JSON has seen
        given = f"{given[1]} crops" if given[1] else given[0]
    found = re.fullmatch(r"(\d{1,6})\s*(crops?|fields?)?", str(given).strip())
    if found is None or isinstance(given, bool):
        raise ValueError("a budget is a number of fields, such as 4, or of crops, such as '1 crop'")
    number = int(found[1])
    return Budget(crops=number) if (found[2] or "").startswith("crop") else Budget(fields=number)


Budgets = tuple[Annotated[Budget, BeforeValidator(parse_budget)], ...]


class LabelTask(FieldSource):
    """Learn nuclei or cells from so many labels, from several starts (paper A, figures 7 to 10)."""

    kind: Literal["labels"]
    target: Literal["nuclei", "cells"]
    inputs: str = Field(description="Channels that the network sees.")
    labels: str = Field(description="Channel with label images.")
    starts: dict[Name, Start] = Field(min_length=1)
    budgets: Budgets = Field(min_length=1)
    crop_size: int = Field(default=512, ge=32, description="Side of an outlined crop, px of the image.")
    steps: tuple[Steps, ...] = Field(default=(200,), min_length=1)
    seeds: tuple[Seed, ...] = Field(default=(0, 1, 2), min_length=1)
    test: TestFields = "leave-one-out"
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Of `ObjectModelSettings`, for every start."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, start in self.starts.items():
            needs_labels = isinstance(start, Nothing | ImageNet) or (
                isinstance(start, Student) and self.target == "nuclei"
            )
            if needs_labels and not any(map(any, self.budgets)):
                raise ValueError(
                    f"start '{name}' finds no {self.target} before it has learned from labels, and `budgets` is 0 only; add a larger "
                    "one, or leave the start out"
                )
            before = getattr(start, "start", None)
            if before is not None and not isinstance(self.starts.get(before), Stain | Model):
                raise ValueError(
                    f"start '{name}' begins with '{before}', which must be a stain or model start of this task"
                )
            _check_start(name, start, {**self.settings, **start.settings}, self.target)
        return self


def _check_start(
    name: str, start: Start, settings: dict[str, Any], target: Literal["nuclei", "cells"]
) -> None:
    """Check the settings of a start, and those of the models that it is made with; raises ValueError, for pydantic."""
    check_settings(ObjectModelSettings, settings, OF_TASK)
    fresh = isinstance(start, Nothing | ImageNet)
    if fresh and "weights" in settings:
        raise ValueError(
            f"start '{name}' is of kind '{start.kind}', which says what its weights are; leave `weights` out of `settings`"
        )
    if not fresh and "encoder" in start.settings:
        raise ValueError(
            f"start '{name}' has the network of the model that it starts from; set `encoder` in `settings` of the task, or in "
            "those of the model"
        )
    if isinstance(start, ImageNet) and settings.get("encoder") == "small":
        raise ValueError(
            f"start '{name}' needs an encoder that has ImageNet weights; set `encoder` in `settings` to efficientnet_lite0 "
            "or densenet121"
        )
    if not isinstance(start, Model):  # what a model is, its card says
        kind: StartKind = {"stain": "stain", "student": "cells"}.get(start.kind)  # type: ignore[assignment]
        try:
            check_settings_of_start(ObjectModelSettings.model_validate(settings), target, kind)
        except SettingsError as error:
            raise ValueError(f"start '{name}': {error}") from error
    check_settings(StainModelSettings, getattr(start, "stain_settings", {}), OF_START)
    own = getattr(start, "student_settings", {})
    check_settings(SelfTrainingSettings, own, {"seed": "`seeds` of the task"})
    before = getattr(start, "start", None)
    if before is not None and "encoder" in own:
        raise ValueError(
            f"start '{name}' begins with '{before}', whose network it has; leave `encoder` out of `student_settings`"
        )


class StainTask(FieldSource):
    """Predict a stain, with several kinds of targets or networks, and score it while it learns (paper A, figure 5)."""

    kind: Literal["stains"]
    inputs: str
    stain: str
    arms: dict[Name, dict[str, Any]] = Field(
        min_length=1, description="Settings of `StainModelSettings` by arm."
    )
    steps: tuple[Steps, ...] = Field(default=(600,), min_length=1, description="Scored after so many steps.")
    seeds: tuple[Seed, ...] = Field(default=(0, 1, 2), min_length=1)
    test: TestFields = "leave-one-out"

    @model_validator(mode="after")
    def _check(self) -> Self:
        for settings in self.arms.values():
            check_settings(StainModelSettings, settings, OF_TASK)
        return self


Task = Annotated[LabelTask | StainTask | MarkerTask, Field(discriminator="kind")]


class Comparison(Part):
    """Two arms of a task whose scores are compared field by field."""

    task: Name
    better: str = Field(description="Arm that is expected to be better.")
    than: str


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a mapping in which a key stands twice: of two starts of one name, one would be lost without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Return a mapping as it stands there, before other mappings are merged into it."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set[str]()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"{key.value!r} stands there twice; give each a name of its own",
                    key.start_mark,
                )
            seen.add(key.value)
        return node


#: What messages of pydantic mean here.
_MESSAGES = {
    "extra_forbidden": "there is no such setting here; correct its name, or leave it out",
    "missing": "this is needed",
    "tuple_type": "a list is needed, such as [1, 2]",
    "too_short": "at least one is needed",
    "list_type": "a list is needed, such as [1, 2]",
}


class StudyDesign(Part):
    """A whole study."""

    title: str = Field(min_length=1, max_length=200)
    description: str = ""
    tasks: dict[Name, Task] = Field(min_length=1)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a design from a YAML file.

        Raises
        ------
        UnreadableFile
            It is not there or not YAML.
        SettingsError
            Something in it is not allowed; the message says what and where.
        """
        try:
            content = yaml.load(Path(path).read_text(encoding="utf-8"), _UniqueKeys)
        except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
            first = " ".join(str(error).split())[:200]
            raise UnreadableFile(f"{path} can't be read as a design of a study: {first}") from error
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: Any, owner: str = "the design") -> Self:
        """Return a checked design of what YAML holds; `SettingsError` as of `read`, which names `owner`."""
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            unknown = (one for one in error.errors() if one["type"] == "extra_forbidden")
            first = next(unknown, error.errors()[0])  # a key that is mistyped is also missing
            kinds = {"labels", "stains", "markers", "nothing", "imagenet", "stain", "student", "model"}
            kinds |= {"files", "drawn"}
            parts = [str(part) for part in first["loc"]]
            place = ".".join(
                part for at, part in enumerate(parts) if not (part in kinds and at % 2 == 0 and at > 1)
            )
            message = _MESSAGES.get(first["type"], first["msg"].removeprefix("Value error, "))
            given = (
                ""
                if first["type"] in ("missing", "value_error")
                else f" ({str(first['input'])[:80]!r} was given)"
            )
            raise SettingsError(f"{owner}: {place or 'the whole file'}: {message}{given}") from error
