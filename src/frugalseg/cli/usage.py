"""From what was typed to settings; wrong usage is refused before anything is read."""

from collections.abc import Mapping
from typing import Any, Literal, NoReturn, TypeVar

import click
from pydantic import BaseModel, ValidationError

from frugalseg.errors import SettingsError

Settings = TypeVar("Settings", bound=BaseModel)


def settings_from(kind: type[Settings], values: Mapping[str, Any]) -> Settings:
    """Make settings of the values that were typed; None means: not typed.

    Raises
    ------
    SettingsError
        Names the first value that is not allowed.
    """
    try:
        return kind(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = f"`{first['loc'][0]}`" if first["loc"] else "the settings"
        given = "" if isinstance(first["input"], dict) else f" ({first['input']!r} was given)"
        raise SettingsError(f"{name}: {first['msg']}{given}") from error


def refuse_foreign(
    values: Mapping[str, Any], kind: type[BaseModel], options: Mapping[str, click.Option], target: str
) -> None:
    """Raise `click.UsageError` for values that `kind` has no use for, and for those that it lacks.

    Parameters
    ----------
    values
        Field name -> what was typed, for all targets; None: not typed.
    kind
        Settings for this target.
    options
        Field name -> its option.
    target
        What was typed as ``--target``.
    """
    foreign = [
        typed_as(options[name])
        for name, value in values.items()
        if name not in kind.model_fields and value is not None
    ]
    if foreign:
        _refuse(f"{', '.join(foreign)} can't be combined with --target {target}; leave it out")
    for name, field in kind.model_fields.items():
        if field.is_required() and values[name] is None:
            option = options[name]
            _refuse(f"{typed_as(option)} {option.metavar} is missing: {field.description}")


def typed_as(parameter: click.Parameter) -> str:
    """Return an option as it is typed, the long form where there are two; an argument as the help calls it.

    >>> typed_as(click.Option(["-o", "--out"])), typed_as(click.Argument(["inputs"], metavar="INPUT..."))
    ('--out', 'INPUT')
    """
    if isinstance(parameter, click.Argument):
        return str(parameter.metavar).removesuffix("...")
    return next((option for option in parameter.opts if option.startswith("--")), parameter.opts[0])


def refuse_unclear_markers(values: Mapping[str, Any], needed: Literal["required", "optional"]) -> None:
    """Raise `click.UsageError` unless it is clear where cells start: at nuclei, or at the user's own markers."""
    from_nuclei = values["nuclei"] is not None or values["nuclei_from"] is not None
    from_markers = values["markers"] is not None
    if (from_nuclei and from_markers) or (needed == "required" and not from_nuclei and not from_markers):
        _refuse("give one of --nuclei CH, --nuclei-from MODEL and --markers CH: every cell starts from it")


def _refuse(text: str) -> NoReturn:
    raise click.UsageError(text, click.get_current_context(silent=True))
