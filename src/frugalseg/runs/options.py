"""Options that all commands share: which fields, where to compute, what may be replaced."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from frugalseg.errors import SettingsError

if TYPE_CHECKING:  # options are needed for a command's help, which must not wait for what reads images
    from frugalseg.images.fields import FieldTable


class RunOptions(BaseModel):
    """Options of a run; but for `axes`, none of them changes a result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str | None = Field(
        default=None, description="How file names are made up, such as '{field}_{channel}.tif'."
    )
    where: tuple[str, ...] = Field(
        default=(), description="Which fields to take: split=train, field!=a,b. Repeatable; all must hold."
    )
    axes: str | None = Field(
        default=None,
        description="Which axis is which in files that do not say it, or that call channels focal planes or time points: C "
        "channels, Z focal planes, Y rows, X columns, such as YXC.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="Where to compute.")
    resume: bool = Field(default=False, description="Continue a run that was cut short.")
    overwrite: bool = Field(default=False, description="Replace results that already exist.")
    quiet: bool = Field(default=False, description="Print no progress, only problems.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.resume and self.overwrite:
            raise SettingsError(
                "`resume` keeps earlier results and `overwrite` replaces them; give one of them"
            )
        return self

    def stated_axes(self) -> dict[str, str]:
        """Return `axes` as a part of a run's settings, nothing where it is not given: other axes are another run."""
        return {} if self.axes is None else {"axes": self.axes}

    def open(self, inputs: Sequence[str | Path]) -> "FieldTable":
        """List the fields of the inputs, and print what was left out; see `frugalseg.images.fields.open_fields`.

        Raises
        ------
        InputError, SettingsError
            Nothing can be read, or no field is left.
        """
        from frugalseg.images.fields import open_fields
        from frugalseg.runs.run_log import RunLog

        table = open_fields(inputs, pattern=self.pattern, where=self.where, axes=self.axes)
        log = RunLog(self.quiet)
        for note in table.notes:
            log.warn(note)
        return table
