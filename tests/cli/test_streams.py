"""Output that can't be written is one line and the right exit code, and libraries say nothing to the user."""

import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.cli import main
from frugalseg.cli.streams import KeptStream, kept_streams
from frugalseg.cli.wording import one_line
from frugalseg.images.field import Field

PLANE = np.arange(600, dtype=np.uint16).reshape(20, 30)
LOST = "error: what was to be printed is lost, standard output can't be written ({}); results in files are not affected\n"


def shell(line: str) -> tuple[int, str]:
    """Run a line of the shell, in which FRUGALSEG stands for the command; its code, and what is on stderr."""
    line = line.replace("FRUGALSEG", f"env -u PYTHONUNBUFFERED {sys.executable} -m frugalseg")
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("FRUGALSEG --version > /dev/full", 1, "No space left on device"),
        ("FRUGALSEG learn --help >&-", 1, "Bad file descriptor"),
        ("{ sleep 1; FRUGALSEG --help; } | true", 1, "Broken pipe"),
    ],
)
def test_stdout_that_is_full_closed_or_read_no_more(line: str, code: int, reason: str) -> None:
    assert shell(line) == (code, LOST.format(reason))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_stderr_that_is_full_or_closed_changes_no_code(where: str) -> None:
    assert shell(f"FRUGALSEG nosuch {where}")[0] == 2


def test_a_run_goes_on_without_a_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every character is refused from the first line of progress on; the results are there all the same."""

    class Broken:
        encoding = "utf-8"

        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

        def isatty(self) -> bool:
            return False

    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", PLANE)
    monkeypatch.setattr(sys, "stdout", Broken())
    with pytest.raises(SystemExit) as ended:
        main(["segment", str(tmp_path), "--target", "nuclei", "--nuclei", "0", "-o", str(tmp_path / "out")])
    assert (ended.value.code, capsys.readouterr().err) == (1, LOST.format("Broken pipe"))
    written = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (written["state"], list(written["fields"])) == ("done", ["a", "b"])


def test_what_is_lost_is_remembered_once() -> None:
    class Full:
        written: list[str] = []  # noqa: RUF012

        def write(self, text: str) -> int:
            self.written.append(text)
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            raise AssertionError("nothing is left to write")

    stream = KeptStream(Full())  # type: ignore[arg-type]
    assert [stream.write("one"), stream.write("two")] == [3, 3]
    stream.flush()
    assert (stream.error, Full.written) == ("No space left on device", ["one"])
    closed = KeptStream(None)
    closed.write("")
    assert (closed.error, closed.isatty()) == (None, False)
    closed.write("x")
    assert closed.error == "Bad file descriptor"


def test_libraries_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = warnings.showwarning, sys.stdout, list(logging.getLogger().handlers)
    with kept_streams(), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("use another function", DeprecationWarning, stacklevel=1)
        logging.getLogger("some.library").warning("odd tag")
        print("a line")
    assert capsys.readouterr() == ("a line\n", "")
    assert (warnings.showwarning, sys.stdout, list(logging.getLogger().handlers)) == before


def test_what_the_terminal_can_not_show_has_backslashes() -> None:
    line = f"{sys.executable} -c \"from frugalseg.cli.streams import kept_streams\nwith kept_streams(): print('5 \\u00b5m \\udce9')\""
    done = subprocess.run(
        ["bash", "-c", f"PYTHONIOENCODING=ascii {line}"], capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("5 \\xb5m \\udce9\n", "")


def test_a_message_with_something_endless_in_it_is_cut_in_its_middle() -> None:
    assert one_line("a\n b") == "a b"
    line = one_line("begin " + "x" * 200_000 + " end")
    assert (len(line), line[:8], line[-6:]) == (1000, "begin xx", "xx end")


COMMANDS: dict[str, tuple[str, ...]] = {
    "segment": ("segment", "{images}", "--cells", "0", "--nuclei", "1", "-o", "{out}"),
    "segment nuclei": ("segment", "{images}", "--target", "nuclei", "--nuclei", "1", "-o", "{out}"),
    "learn markers": ("learn", "markers", "{images}", "--cells", "0", "--nuclei", "1", "-o", "{out}"),
    "learn stains": ("learn", "stains", "{images}", "--from", "0", "--to", "1", "-o", "{out}"),
    "learn labels": (
        "learn",
        "labels",
        "{images}",
        "--from",
        "0",
        "--labels",
        "1",
        "--target",
        "cells",
        "-o",
        "{out}",
    ),
    "predict": ("predict", "{images}", "{images}", "-o", "{out}"),
    "demo": ("demo", "-o", "{out}"),
    "doctor": ("doctor", "-o", "{out}"),
    "score": ("score", "{images}", "{images}", "--json", "{out}"),
    "score without end": ("score", "{out}", "{images}"),
    "inspect": ("inspect", "{out}"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("options", [(), ("--resume",)])
def test_a_name_of_300_letters_is_one_line(
    run: Callable[..., Any], tmp_path: Path, command: str, options: tuple[str, ...]
) -> None:
    if options and command.split()[0] not in ("segment", "learn", "predict"):
        return
    tifffile.imwrite(tmp_path / "a.tif", np.stack([PLANE, PLANE]), photometric="minisblack")
    given = {"images": str(tmp_path / "a.tif"), "out": str(tmp_path / ("n" * 300))}
    ended = run(*(word.format(**given) for word in COMMANDS[command]), *options)
    assert (ended.code, "File name too long" in ended.error) == (1, True)
    assert ended.error.startswith("error: ")


@pytest.mark.parametrize("name", [".", "n" * 252])
def test_a_model_needs_a_name_of_its_own(
    run: Callable[..., Any], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite(tmp_path / "a.tif", np.stack([PLANE, PLANE]), photometric="minisblack")
    ended = run("learn", "markers", "a.tif", "--cells", "0", "--nuclei", "1", "-o", name)
    says = "is no name for a model" if name == "." else "File name too long"
    assert (ended.code, says in ended.error) == (1, True)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--nuclei", "1" * 5000, "has no channel '1111"),
        ("--seed", "1" + "0" * 30, "--seed: Input should be less than or equal to 4294967295"),
        ("--pattern", "{field}" + "x" * 5000, "no file fits the pattern"),
    ],
)
def test_absurd_values_are_one_line(
    run: Callable[..., Any], tmp_path: Path, option: str, value: str, says: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    ended = run("segment", tmp_path, "--cells", "0", "--nuclei", "0", option, value, "-o", tmp_path / "out")
    assert (ended.code, says in ended.error) == (1, True)
    assert len(ended.error) < 1100


def test_memory_that_runs_out_is_one_line(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(*_: object) -> None:
        raise MemoryError("Unable to allocate 7.45 GiB for an array")

    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    monkeypatch.setattr("frugalseg.runs.inspection.check_values", too_much)
    ended = run("inspect", tmp_path / "a.tif")
    assert (ended.code, ended.out) == (1, "")
    assert ended.error.startswith("error: this command needs 7.45 GiB of memory at once, and ")


def test_memory_that_runs_out_in_one_field_spares_the_others(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", PLANE)
    plane = Field.plane

    def too_much(self: Field, *given: Any) -> Any:
        if self.name == "a":
            raise MemoryError("Unable to allocate 7.45 GiB for an array")
        return plane(self, *given)

    monkeypatch.setattr(Field, "plane", too_much)
    ended = run("segment", tmp_path, "--target", "nuclei", "--nuclei", "0", "-o", tmp_path / "out", "--quiet")
    assert ended.code == 3
    assert ended.error.startswith("failed: a: field 'a' needs 7.45 GiB of memory at once, and ")
    written = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (list(written["fields"]), list(written["failed"])) == (["b"], ["a"])
