"""What training in a study starts from, and how much is outlined."""

import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_+-]*$"
Name = Annotated[str, Field(pattern=_NAME, max_length=60)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Steps = Annotated[int, Field(ge=1)]


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
    if isinstance(given, list | tuple) and len(given) == 2:  # a budget that JSON has seen
        return Budget(*given)
    found = re.fullmatch(r"(\d{1,6})\s*(crops?|fields?)?", str(given).strip())
    if found is None or isinstance(given, bool):
        raise ValueError("a budget is a number of fields, such as 4, or of crops, such as '1 crop'")
    number = int(found[1])
    return Budget(crops=number) if (found[2] or "").startswith("crop") else Budget(fields=number)


class DesignPart(BaseModel):
    """Part of a design: frozen, and nothing unknown in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Nothing(DesignPart):
    """Random weights."""

    kind: Literal["nothing"]
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Of `ObjectModelSettings`, for this start."
    )


class ImageNet(DesignPart):
    """Weights of ImageNet in the encoder, random ones elsewhere."""

    kind: Literal["imagenet"]
    settings: dict[str, Any] = Field(default_factory=dict)


class Stain(DesignPart):
    """A stain model, which learns from all fields of the task but the test fields (paper A)."""

    kind: Literal["stain"]
    stain: str = Field(description="Channel of the stain.")
    inputs: str | None = Field(default=None, description="Label-free channels; those of the task by default.")
    steps: Steps = 600
    stain_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="Of `StainModelSettings`; encoder, scale, crop and batch are those of the task unless given here.",
    )
    settings: dict[str, Any] = Field(default_factory=dict)


class Student(DesignPart):
    """A self-trained student, which learns without labels from all fields of the task but the test fields."""

    kind: Literal["student"]
    nuclei: str = Field(description="Channel of the nuclear stain.")
    start: Name | None = Field(
        default=None, description="Start of the task that the student itself starts from."
    )
    student_settings: dict[str, Any] = Field(default_factory=dict, description="Of `SelfTrainingSettings`.")
    settings: dict[str, Any] = Field(default_factory=dict)


class Model(DesignPart):
    """A model that is there already."""

    kind: Literal["model"]
    path: str = Field(description="Its folder, relative to the folder of the data.")
    settings: dict[str, Any] = Field(default_factory=dict)


Start = Annotated[Nothing | ImageNet | Stain | Student | Model, Field(discriminator="kind")]
Budgets = tuple[Annotated[Budget, BeforeValidator(parse_budget)], ...]
