"""Options of the command line, made of the fields of pydantic settings."""

from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import click

from frugalseg.cli.spelling import SPELLINGS, Spelling
from frugalseg.images.channel_lists import split_channels

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    _ChannelsType = click.ParamType[tuple[str, ...]]
else:  # not generic before click 8.4
    _ChannelsType = click.ParamType


class Channels(_ChannelsType):
    """Channel names, typed as ``CH,CH``; commas within brackets separate focal planes, and quotes keep a name in one piece.

    >>> Channels().convert('phase[1,3], "CD3,CD4"', None, None)
    ('phase[1,3]', '"CD3,CD4"')
    """

    name = "channels"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split what was typed; an empty name is wrong usage."""
        if not isinstance(value, str):
            return tuple(value)
        names = tuple(split_channels(value))
        if not all(names):
            self.fail(f"{value!r} has an empty channel name; give CH or CH,CH", param, ctx)
        return names


class GivenPath(click.Path):
    """A path that is not empty: an empty variable of a script would stand for the current folder.

    >>> GivenPath().convert("out", None, None).name
    'out'
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; an empty one is wrong usage."""
        if value == "":
            self.fail("the path is empty; give a name, or . for the current folder", param, ctx)
        return super().convert(value, param, ctx)


def options_of(
    settings: "type[BaseModel]",
    prefix: str,
    only: tuple[str, ...] | None = None,
    spellings: Mapping[str, Spelling] = SPELLINGS,
) -> dict[str, click.Option]:
    """Make one option of every field of the settings.

    Parameters
    ----------
    settings
        Their descriptions become the help, their types and defaults those of the options. A lower bound (``ge``) is
        checked when the command line is read, every other condition when the settings are made.
    prefix
        Of the options' internal names, so that they never collide with those of arguments.
    only
        Fields to take; all of them when None.
    spellings
        Field name -> how it is typed.

    Returns
    -------
    Field name -> its option, in the order of the fields.
    """
    fields = settings.model_fields
    return {
        name: _option(name, fields[name], prefix, spellings.get(name, Spelling()))
        for name in (fields if only is None else only)
    }


def _option(name: str, field: "FieldInfo", prefix: str, spelling: Spelling) -> click.Option:
    default = None if field.is_required() or field.default == () else field.default
    spelled = spelling.options or (f"--{'no-' if default is True else ''}{name.replace('_', '-')}",)
    common: dict[str, Any] = {"help": spelling.help or field.description}
    declared = [*spelled, prefix + name]
    if isinstance(default, bool):
        return click.Option(declared, is_flag=True, callback=_turned_off if default else None, **common)
    if default is not None:
        common |= {"default": default, "show_default": True}
    return click.Option(
        declared,
        type=_type(field, spelling),
        required=field.is_required(),
        multiple=spelling.repeatable,
        metavar=spelling.metavar,
        **common,
    )


def _turned_off(_: click.Context, __: click.Parameter, typed: bool) -> bool:
    """Return the value of a field that is on unless its option was typed."""
    return not typed


def _type(field: "FieldInfo", spelling: Spelling) -> "click.ParamType[Any] | type":
    """Return the type of what is typed; text that the settings read where several types are allowed."""
    annotation = field.annotation
    if get_origin(annotation) in (Union, UnionType):
        annotation, *others = (kind for kind in get_args(annotation) if kind is not type(None))
        if others:
            return click.STRING
    lowest = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    if get_origin(annotation) is tuple:
        return click.STRING if spelling.repeatable else Channels()
    if annotation is Path:
        return GivenPath()
    if annotation in (int, float) and lowest is not None:
        return click.IntRange(min=lowest) if annotation is int else click.FloatRange(min=lowest)
    return annotation if isinstance(annotation, type) else click.STRING
