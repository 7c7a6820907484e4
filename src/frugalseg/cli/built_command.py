"""A command of the table as click runs it: options made of settings, one call, one line for an error of the user."""

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from frugalseg.cli.command_table import Argument, Command, Work
from frugalseg.cli.parameters import options_of
from frugalseg.cli.spelling import order_in_help
from frugalseg.cli.usage import refuse_foreign, refuse_unclear_markers, settings_from, typed_as
from frugalseg.cli.wording import STOPPED, say_error, with_options
from frugalseg.errors import FrugalsegError, Interrupted
from frugalseg.images.memory import memory_errors
from frugalseg.runs.options import RunOptions

SETTING, OPTION = "setting_", "option_"


class BuiltCommand(click.Command):
    """A command with all its parameters.

    Attributes
    ----------
    declared
        As the table declares it.
    settings
        Value of ``--target`` -> the settings' class, None where the command has none.
    spelled
        Name of a setting, an option or an argument -> how it is typed.
    made
        Name of a setting or an option -> its option.
    """

    def __init__(self, declared: Command, **attributes: Any) -> None:
        self.declared = declared
        self.settings = {target: _settings(work) for target, work in declared.work.items()}
        options = options_of(RunOptions, OPTION, declared.options, declared.spellings)
        self.made = made = self._setting_options() | options
        self.spelled = {own.name or "": typed_as(own) for own in declared.own}
        self.spelled |= {name: typed_as(option) for name, option in made.items()}
        for option in made.values():
            option.help = with_options(option.help or "", self.spelled)
        arguments = [own for own in declared.own if isinstance(own, Argument)]
        last = [own for own in declared.own if own.name in ("as_json", "json_file")]
        first = [own for own in declared.own if own not in (*arguments, *last)]
        super().__init__(
            declared.name.split()[-1],
            params=[*arguments, *first, *made.values(), *last],
            help=declared.help,
            **attributes,
        )

    def _setting_options(self) -> dict[str, click.Option]:
        """Return the options of all targets; one that a target does without can't be required here."""
        of_targets = [
            options_of(kind, SETTING, spellings=self.declared.spellings)
            for kind in self.settings.values()
            if kind
        ]
        made = {name: option for options in reversed(of_targets) for name, option in options.items()}
        for name, option in made.items():
            option.required = option.required and all(name in options for options in of_targets)
        return {name: made[name] for name in sorted(made, key=order_in_help)}

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; a problem that the user can solve ends with one line and the right code.

        Anything else but Ctrl-C is a defect of frugalseg and keeps its traceback.
        """
        from frugalseg.runs.run_log import worded
        from frugalseg.runs.versions import typed

        words = partial(with_options, spelled=self.spelled)
        try:
            with typed(ctx.obj or ()), worded(words), memory_errors("this command"):
                ctx.exit(self._run(ctx))
        except Interrupted as error:
            say_error(f"stopped: {error}")
            ctx.exit(STOPPED)
        except FrugalsegError as error:
            say_error(f"error: {error}")
            ctx.exit(1)

    def _run(self, ctx: click.Context) -> int:
        """Call the function with what was typed, show its result, and return the exit code."""
        own = {name: ctx.params[name] for name in (parameter.name or "" for parameter in self.declared.own)}
        target = own.pop("target", "")
        shown = own | {"quiet": bool(ctx.params.get(f"{OPTION}quiet"))}
        call = {name: value for name, value in own.items() if name != "as_json"}
        from frugalseg.images.write import path_taken

        for place in ("out", "json_file"):  # before anything is computed
            if isinstance(call.get(place), Path):
                path_taken(call[place])
        if (kind := self.settings[target]) is not None:
            call["settings"] = self._typed_settings(ctx, kind, target)
        if self.declared.options:
            options = {name: ctx.params[OPTION + name] for name in self.declared.options}
            if "quiet" in options:  # progress would spoil the JSON
                options["quiet"] = options["quiet"] or bool(own.get("as_json"))
            call["options"] = settings_from(RunOptions, options)
        result = loaded(self.declared.work[target].function)(**call)
        code: int = loaded(self.declared.show)(result, shown)
        return code

    def _typed_settings(self, ctx: click.Context, kind: type[BaseModel], target: str) -> BaseModel:
        # Defaults are left to the settings: they know by it what was typed, and another target may have no use for it.
        typed = {
            name.removeprefix(SETTING): value if _is_typed(ctx, name) else None
            for name, value in ctx.params.items()
            if name.startswith(SETTING)
        }
        refuse_foreign(typed, kind, self.made, target)
        if self.declared.markers and "markers" in kind.model_fields:
            refuse_unclear_markers(typed, self.declared.markers)
        return settings_from(kind, {name: typed[name] for name in typed if name in kind.model_fields})

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write arguments and options."""
        arguments = [parameter for parameter in self.params if isinstance(parameter, Argument)]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(
                    [(argument.make_metavar(ctx), argument.description) for argument in arguments]
                )
        super().format_options(ctx, formatter)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing: newer versions of click write arguments of their own here."""


def loaded(path: str) -> Any:
    """Import what "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def _settings(work: Work) -> type[BaseModel] | None:
    kind: type[BaseModel] | None = loaded(work.settings) if work.settings else None
    return kind
