"""The application: groups that know their commands by name, and build one only when it is typed."""

from typing import TYPE_CHECKING, Any

import click

from frugalseg import __version__
from frugalseg.cli.command_table import COMMANDS, GROUPS, Command

if TYPE_CHECKING:
    from frugalseg.cli.built_command import BuiltCommand

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Commands(click.Group):
    """A group that shows its commands without building them.

    Parameters
    ----------
    table
        Name of a command within the group -> the command, or a group.
    """

    def __init__(self, table: dict[str, "Command | Commands"], **attributes: Any) -> None:
        super().__init__(no_args_is_help=True, context_settings=_CONTEXT, **attributes)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> "BuiltCommand | Commands | None":
        """Build the command that was typed, None where there is none of this name."""
        declared = self.table.get(cmd_name)
        if not isinstance(declared, Command):
            return declared
        from frugalseg.cli.built_command import BuiltCommand

        return BuiltCommand(declared, context_settings=_CONTEXT)

    def invoke(self, ctx: click.Context) -> Any:
        """Build and run the command that was typed; Ctrl-C and SIGTERM end it with one line, whenever they come."""
        from frugalseg.learning.interrupts import stopped_by_either

        try:
            with stopped_by_either():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            from frugalseg.cli.wording import STOPPED, say_error

            # Ctrl-C within code that is made of text (imports of dataclasses) would end `python -m` with SIGINT, not 130;
            # Python forgets it with the next code that is made of text.
            exec("")
            say_error("stopped: results that were finished are kept, nothing half-written is left")
            ctx.exit(STOPPED)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed; where there is none, propose a similar one."""
        name = args[0]
        if name not in self.table and not name.startswith("-"):
            from difflib import get_close_matches

            similar = [f" Did you mean {other!r}?" for other in get_close_matches(name, self.table, n=1)]
            ctx.fail("".join([f"No such command {name!r}.", *similar]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their help, whole sentences."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, declared.help or "") for name, declared in self.table.items()])


def command() -> Commands:
    """Build the application, without any of its commands."""
    table: dict[str, Command | Commands] = {}
    for declared in COMMANDS:
        group, _, name = declared.name.rpartition(" ")
        if not group:
            table[name] = declared
            continue
        inner = table.setdefault(group, Commands({}, name=group, help=GROUPS[group]))
        assert isinstance(inner, Commands)
        inner.table[name] = declared
    return Commands(
        table,
        name="frugalseg",
        help="Turn microscopy images into cell segmentations and models, with few or no hand-drawn labels.\n\n"
        "Start with `frugalseg demo`, or with `frugalseg inspect` on your own images.",
        params=[
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_version,
                help="Print the version and stop.",
            )
        ],
    )


def _show_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"frugalseg {__version__}")
        ctx.exit()
