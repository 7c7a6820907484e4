"""The design of a study: tasks, starts, label budgets, seeds and test fields, read from YAML and checked."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from frugalseg.errors import SettingsError, UnreadableFile
from frugalseg.models.model_settings import ObjectModelSettings, SelfTrainingSettings, StainModelSettings
from frugalseg.studies.starts import Budgets, DesignPart, Model, Name, Seed, Stain, Start, Steps


class SyntheticData(DesignPart):
    """Cells that are drawn, with known truth; see `frugalseg.synthetic.cells.make_cells`."""

    n_fields: int = Field(default=4, ge=2, le=1000, description="Number of fields.")
    seed: Seed = 0
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Of `make_cells`, and `shape`: [Y, X]."
    )


class FieldSource(DesignPart):
    """Where the fields of a task are, and which of them are taken."""

    data: tuple[str, ...] | SyntheticData = Field(
        description="Files, folders or tables as of every command, relative to the folder of data; or `n_fields` of synthetic "
        "cells."
    )
    pattern: str | None = None
    where: tuple[str, ...] = ()
    axes: str | None = None


TestFields = Literal["leave-one-out"] | tuple[tuple[str, ...], ...] | tuple[str, ...]


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
            before = getattr(start, "start", None)
            if before is not None and not isinstance(self.starts.get(before), Stain | Model):
                raise ValueError(
                    f"start '{name}' begins with '{before}', which must be a stain or model start of this task"
                )
            _settings(ObjectModelSettings, {**self.settings, **start.settings})
            _settings(StainModelSettings, getattr(start, "stain_settings", {}))
            _settings(SelfTrainingSettings, getattr(start, "student_settings", {}))
        return self


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
            _settings(StainModelSettings, settings)
        return self


class MarkerArm(DesignPart):
    """One way to find cells without labels.

    A student or marker network learns; all else are baselines, which start from the same nuclei and foreground.
    """

    inputs: str = Field(
        description="Channels that show the cells; with the nuclei among them, they are an input."
    )
    method: Literal[
        "student",
        "network",
        "voronoi",
        "watershed_intensity",
        "watershed_gradient",
        "propagation",
        "propagation_inside",
    ] = "student"
    nuclei: str = Field(description="Channel of the nuclear stain.")
    predicted_nuclei: Stain | None = Field(
        default=None,
        description="Predict the nuclear stain instead, by a model of other fields (synthetic markers).",
    )
    with_nuclei: bool = Field(
        default=True, description="Whether a student is given the nuclei of the test fields."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Of the method: rounds, preset, diameter, ..."
    )


class MarkerTask(FieldSource):
    """Find cells from markers, without labels, by several methods and inputs (paper B, table I)."""

    kind: Literal["markers"]
    labels: str = Field(description="Channel with label images, which only scores see.")
    arms: dict[Name, MarkerArm] = Field(min_length=1)
    learn: Literal["together", "alone", "others"] = Field(
        default="together",
        description="A field's cells come from one training on all fields, on this very field, or on all but the test fields.",
    )
    seeds: tuple[Seed, ...] = Field(default=(0, 1, 2), min_length=1)
    test: TestFields = Field(
        default="leave-one-out", description="For `learn: others`; else every labelled field is scored."
    )


Task = Annotated[LabelTask | StainTask | MarkerTask, Field(discriminator="kind")]


class Comparison(DesignPart):
    """Two arms of a task whose scores are compared field by field."""

    task: Name
    better: str = Field(description="Arm that is expected to be better.")
    than: str


class StudyDesign(DesignPart):
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
            content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
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
            first = error.errors()[0]
            kinds = {"labels", "stains", "markers", "nothing", "imagenet", "stain", "student", "model"}
            parts = [str(part) for part in first["loc"]]
            place = ".".join(
                part for at, part in enumerate(parts) if not (part in kinds and at % 2 == 0 and at > 1)
            )
            message = first["msg"].removeprefix("Value error, ")
            given = (
                ""
                if first["type"] in ("missing", "value_error")
                else f" ({str(first['input'])[:80]!r} was given)"
            )
            raise SettingsError(f"{owner}: {place or 'the whole file'}: {message}{given}") from error


def _settings(kind: type[BaseModel], given: dict[str, Any]) -> None:
    """Check settings of a model; raises ValueError for pydantic, in one sentence."""
    own = {"seed", "max_steps"} & set(given)
    if own:
        raise ValueError(f"`{sorted(own)[0]}` is no setting here; use `seeds` and `steps` of the task")
    try:
        kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(set(kind.model_fields) - {"seed", "max_steps"}))
            raise ValueError(f"there is no setting `{name}`; allowed are {known}") from error
        raise ValueError(f"`{name}`: {first['msg']} ({first['input']!r} was given)") from error
