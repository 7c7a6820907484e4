"""The command line that other tools rely on: every option of every command, and how it is shown."""

import re
from pathlib import Path
from typing import Any, Literal

import click
import pytest
from pydantic import BaseModel, Field

from frugalseg.cli.app import command
from frugalseg.cli.command_table import COMMANDS
from frugalseg.cli.parameters import options_of

REQUIRED = object()
FLAG = object()

#: Options, metavar (None: made of the type), and the default, REQUIRED, or FLAG for what takes no value.
INPUTS = ("INPUT", "INPUT...", REQUIRED)
RUN = [
    ("--pattern", None, None),
    ("--where", None, None),
    ("--axes", "YXC", None),
    ("--device", None, "auto"),
    ("--resume", None, FLAG),
    ("--overwrite", None, FLAG),
    ("--quiet -q", None, FLAG),
    ("--json", None, FLAG),
]
CUES = [
    ("--nuclei", "CH", None),
    ("--nuclei-from", "MODEL", None),
    ("--markers", "CH", None),
    ("--diameter", "PX", None),
    ("--nuclei-diameter", "PX", None),
    ("--nuclei-method", None, "threshold"),
    ("--foreground", None, "auto"),
    ("--scribbles", "CH", None),
    ("--mask", "CH", None),
]
TRAINING = [("--preset", None, "default"), ("--max-steps", None, None), ("--seed", None, 0)]
STUDENT = [
    ("--rounds", None, None),
    ("--start", "MODEL", None),
    ("--encoder", None, "efficientnet_lite0"),
    ("--weights", "imagenet|none|FILE", None),
]
SCORING = [("--truth", "CH", None), ("--no-baselines", None, FLAG)]
NETWORK = [
    ("--scale", None, None),
    ("--encoder", None, None),
    ("--weights", "imagenet|none|FILE", None),
    ("--no-hold-out", None, FLAG),
    ("--crop", "PX", None),
    ("--batch", None, None),
]
EXPECTED: dict[str, list[tuple[str, str | None, Any]]] = {
    "demo": [
        ("-o --out", "OUT", Path("demo")),
        ("--seed", None, 0),
        ("--device", None, "auto"),
        ("--overwrite", None, FLAG),
        ("--quiet -q", None, FLAG),
        ("--json", None, FLAG),
    ],
    "inspect": [
        INPUTS,
        ("--pattern", None, None),
        ("--where", None, None),
        ("--axes", "YXC", None),
        ("--json", None, FLAG),
    ],
    "segment": [
        INPUTS,
        ("-o --out", "OUT", REQUIRED),
        ("--target", None, "cells"),
        ("--cells", "CH[,CH]", None),
        ("--level", "0..1", None),
        *CUES,
        *SCORING,
        *TRAINING,
        *STUDENT,
        *RUN,
    ],
    "predict": [
        ("MODEL", "MODEL", REQUIRED),
        INPUTS,
        ("-o --out", "OUT", REQUIRED),
        ("--fast", None, FLAG),
        ("--cells --from", "CH[,CH]", None),
        *CUES,
        *SCORING,
        ("--seed", None, 0),
        *RUN,
    ],
    "suggest": [
        ("MODEL", "MODEL", REQUIRED),
        INPUTS,
        ("-o --out", "OUT", REQUIRED),
        ("--from", "CH[,CH]", None),
        ("--nuclei", "CH", None),
        ("--labels", "CH", None),
        ("--diameter", "PX", None),
        ("--crop", "PX", None),
        ("--after", "OUT", None),
        ("--count", "N", 8),
        *(one for one in RUN if one[0] != "--resume"),
    ],
    "score": [
        ("PREDICTED", "PREDICTED", REQUIRED),
        ("TRUTH", "TRUTH", REQUIRED),
        ("--labels", "CH", None),
        ("--json", "FILE", None),
        ("--overwrite", None, FLAG),
    ],
    "rois": [
        ("LABELS", "LABELS", REQUIRED),
        ("-o --out", "OUT", REQUIRED),
        ("--overwrite", None, FLAG),
        ("--quiet -q", None, FLAG),
        ("--json", None, FLAG),
    ],
    "doctor": [("-o --out", None, Path()), ("--json", None, FLAG)],
    "study": [
        ("DESIGN", "DESIGN", REQUIRED),
        ("-o --out", "OUT", REQUIRED),
        ("--init", None, FLAG),
        ("--data", "FOLDER", None),
        ("--workers", None, None),
        ("--dry-run --list", None, FLAG),
        *(option for option in RUN if option[0] != "--resume"),
    ],
    "learn markers": [
        INPUTS,
        ("-o --out", "OUT", REQUIRED),
        ("--cells", "CH[,CH]", REQUIRED),
        *CUES,
        *TRAINING,
        *STUDENT,
        *RUN,
    ],
    "learn stains": [
        INPUTS,
        ("-o --out", "MODEL", REQUIRED),
        ("--from", "CH[,CH]", REQUIRED),
        ("--to", "CH", REQUIRED),
        ("--project", None, "max"),
        ("--target-scale", None, "linear"),
        *NETWORK,
        *TRAINING,
        *RUN,
    ],
    "learn labels": [
        INPUTS,
        ("-o --out", "MODEL", REQUIRED),
        ("--from", "CH[,CH]", None),
        ("--labels", "CH", REQUIRED),
        ("--target", None, REQUIRED),
        ("--start", "MODEL", None),
        ("--start-parts", None, "all"),
        ("--slope", "NUMBER|fitted", None),
        ("--alpha", None, None),
        ("--learning-rate", None, None),
        ("--h", "PERCENT", None),
        ("--orientations", None, None),
        ("--rehearsal", None, None),
        *NETWORK,
        *TRAINING,
        *RUN,
    ],
}


def built(name: str) -> click.Command:
    """The command of this name."""
    found: click.Command = command()
    for word in name.split():
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None
        found = inner
    return found


def described(parameter: click.Parameter) -> tuple[str, str | None, Any]:
    if isinstance(parameter, click.Argument):
        assert parameter.metavar is not None
        return parameter.metavar.removesuffix("..."), parameter.metavar, REQUIRED
    assert isinstance(parameter, click.Option)
    options = " ".join(parameter.opts)
    assert parameter.secondary_opts == []
    if parameter.is_flag:
        return options, parameter.metavar, FLAG
    default = parameter.to_info_dict()["default"]
    return options, parameter.metavar, REQUIRED if parameter.required else default


def test_every_command_is_listed() -> None:
    assert {one.name for one in COMMANDS} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_options_are_those_that_users_know(name: str) -> None:
    found = [described(parameter) for parameter in built(name).params]
    assert sorted(found, key=str) == sorted(EXPECTED[name], key=str)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_help_describes_every_parameter_in_words_of_the_command_line(run: Any, name: str) -> None:
    ended = run(*name.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    for parameter in built(name).params:
        text = getattr(parameter, "help", None) or getattr(parameter, "description", "")
        assert text[:1].isupper(), parameter.name
        assert text.endswith("."), parameter.name
        assert text.split()[0] in ended.out
        assert not re.search(r"`[a-z_]+`", text.replace("`learn` or `segment`", "")), text


@pytest.mark.parametrize("arguments", [("--help",), ("learn", "-h")])
def test_a_group_lists_its_commands_without_building_them(run: Any, arguments: Any, monkeypatch) -> None:
    monkeypatch.setattr("frugalseg.cli.app.Commands.get_command", lambda self, ctx, name: self.table[name])
    ended = run(*arguments)
    assert ended.code == 0
    names = [one.name for one in COMMANDS if one.name.startswith("learn ") == (arguments[0] == "learn")]
    assert all(f"\n  {name.split()[-1]} " in ended.out for name in names)


def test_a_misspelled_command_gets_a_proposal(run: Any) -> None:
    ended = run("segmnt")
    assert ended.code == 2
    assert "Did you mean 'segment'?" in ended.err


def test_options_follow_the_settings() -> None:
    """A new field of any settings is an option at once."""

    class Settings(BaseModel):
        new_size: float | None = Field(default=None, ge=2, description="Size.")
        method: Literal["a", "b"] = Field(default="b", description="Method.")
        smooth: bool = Field(default=True, description="Smooth.")
        sharp: bool = Field(default=False, description="Sharpen.")
        count: int = Field(description="Count.")

    context = click.Context(click.Command("test"))
    options = options_of(Settings, "setting_")
    assert {name: option.opts for name, option in options.items()} == {
        "new_size": ["--new-size"],
        "method": ["--method"],
        "smooth": ["--no-smooth"],
        "sharp": ["--sharp"],
        "count": ["--count"],
    }
    parsed = click.Command("test", params=list(options.values())).make_context(
        "test", ["--count", "3", "--no-smooth", "--new-size", "2.5"]
    )
    assert parsed.params == {
        "setting_new_size": 2.5,
        "setting_method": "b",
        "setting_smooth": False,
        "setting_sharp": False,
        "setting_count": 3,
    }
    for wrong in (
        ["--count", "x"],
        ["--count", "3", "--new-size", "1"],
        ["--count", "3", "--method", "c"],
        [],
    ):
        with pytest.raises(click.UsageError):
            click.Command("test", params=list(options.values())).make_context("test", list(wrong))
    record = options["method"].get_help_record(context)
    assert record is not None
    assert record[1] == "Method.  [default: b]"
