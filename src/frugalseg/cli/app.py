"""The application: its commands, and what an error looks like to the user."""

import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from frugalseg import __version__
from frugalseg.cli import demo, doctor, inspect, learn, predict, score, segment
from frugalseg.errors import FrugalsegError, Interrupted

STOPPED = 130


class OneLineErrors(TyperGroup):
    """A group of commands that ends with one line and the right code where the user can solve the problem.

    Anything else is a defect of frugalseg and keeps its traceback.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except Interrupted as error:
            typer.echo(one_line(f"stopped: {error}"), err=True)
            raise typer.Exit(STOPPED) from error
        except FrugalsegError as error:
            typer.echo(one_line(f"error: {error}"), err=True)
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            typer.echo("stopped: results that were finished are kept, nothing half-written is left", err=True)
            raise typer.Exit(STOPPED) from error


def one_line(text: str) -> str:
    """Put a message on one line, whatever a library wrote into it."""
    return " ".join(text.split())


app = typer.Typer(
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
learn_app = typer.Typer(no_args_is_help=True, help="Train a model that `predict` uses on new images.")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"frugalseg {__version__}")
        raise typer.Exit


@app.callback()
def frugalseg(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Turn microscopy images into cell segmentations and models, with few or no hand-drawn labels.

    Start with `frugalseg demo`, or `frugalseg inspect` on your own images.
    """
    # Notes that libraries make for programmers; what matters to a user is said by frugalseg itself.
    warnings.filterwarnings("ignore", module=r"(lightning|torch|tifffile|zarr)\b")


app.command("demo")(demo.demo)
app.command("inspect")(inspect.inspect)
app.command("segment")(segment.segment)
learn_app.command("markers")(learn.markers)
learn_app.command("stains")(learn.stains)
learn_app.command("labels")(learn.labels)
app.add_typer(learn_app, name="learn")
app.command("predict")(predict.predict)
app.command("score")(score.score)
app.command("doctor")(doctor.doctor)


def command() -> Any:
    """Build the command that parses arguments and runs."""
    return typer.main.get_command(app)
