"""The house itself: a quick start, names that are where they are said to be, files that can be read in one sitting."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

import frugalseg
from frugalseg.cli.app import command

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
HEAVY = ("torch", "lightning", "skimage", "sklearn", "scipy", "cv2", "numpy", "matplotlib")
VAGUE = {"utils", "util", "common", "helpers", "helper", "core", "base", "misc", "tools", "lib"}
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "start",
    [
        "import frugalseg",
        "from frugalseg.cli import main; main(['--help'])",
        "from frugalseg.cli import main; main(['segment', '--help'])",
        "from frugalseg.cli import main; main(['learn', 'labels', '--help'])",
    ],
    ids=["import", "help", "segment help", "learn labels help"],
)
def test_starting_loads_nothing_heavy(start: str) -> None:
    after = f"import sys\ntry:\n    {start}\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
    after += f"print('loaded:', *(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", after], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "loaded:"


@pytest.mark.parametrize("arguments", [["--help"], ["learn", "--help"], ["--version"]])
def test_the_overview_needs_no_settings(arguments: list[str]) -> None:
    after = f"import sys\nfrom frugalseg.cli import main\ntry:\n    main({arguments})\nexcept SystemExit:\n    pass\n"
    after += (
        "print('loaded:', *(name for name in ('pydantic', 'rich') if name in sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", after], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "loaded:"


def _stub_names() -> set[str]:
    names: set[str] = set()
    for node in ast.parse((ROOT / "src/frugalseg/__init__.pyi").read_text()).body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names - {"__all__"}


def test_the_stub_lists_the_lazy_names_and_each_is_there() -> None:
    assert _stub_names() == set(frugalseg.__all__)
    assert all(getattr(frugalseg, name) is not None for name in frugalseg.__all__)
    # what a notebook completes: nothing but these
    assert {name for name in dir(frugalseg) if not name.startswith("__")} == set(frugalseg.__all__) - {
        "__version__"
    }


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'segmnt'"):
        frugalseg.segmnt  # noqa: B018


def test_files_can_be_read_in_one_sitting() -> None:
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    assert {path.name: n for path, n in lengths.items() if n > 300} == {}


def test_functions_fit_on_a_screen() -> None:
    long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                if (node.end_lineno or 0) - first.lineno + 1 > 45:
                    long.append(f"{path.name}:{node.name}")
    assert long == []


def test_nothing_has_a_vague_name() -> None:
    parts = {part for path in SOURCES for part in path.relative_to(ROOT).with_suffix("").parts}
    assert parts & VAGUE == set()


def _typed_commands() -> list[str]:
    blocks = re.findall(r"^```bash\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [
        line.split("  #")[0].strip() for line in lines if line.strip() and not line.lstrip().startswith("#")
    ]


def _options(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words name, and the options that are typed."""
    context = click.Context(command())
    found: click.Command = command()
    rest = list(words)
    while rest and isinstance(found, click.Group) and (inner := found.get_command(context, rest[0])):
        found = inner
        del rest[0]
    assert not isinstance(found, click.Group) or rest[:1] == ["--version"], f"no such command: {words}"
    return found, [word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)]


def test_commands_of_the_readme_exist() -> None:
    lines = _typed_commands()
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("frugalseg ")]
    assert len(commands) >= 5
    for words in commands:
        found, options = _options(words)
        known = {option for parameter in found.params for option in parameter.opts} | {"--help"}
        assert set(options) <= known, words
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert {line.split()[1] for line in lines if line.startswith("make ")} <= targets
