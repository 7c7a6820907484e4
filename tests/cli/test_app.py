"""What all commands share: usage errors, one line for an error of the user, Ctrl-C, the version."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import frugalseg
from frugalseg.commands.command_settings import LearnMarkersSettings, PredictSettings, SegmentSettings
from frugalseg.errors import BadModel, Interrupted
from frugalseg.runs.manifest import RunRecord, RunResult
from frugalseg.runs.options import RunOptions
from frugalseg.runs.records import FieldRecord


def result(fields: tuple[str, ...], failed: dict[str, str]) -> RunResult:
    """Return what a run leaves behind."""
    done = {name: FieldRecord(n_cells=3) for name in fields}
    record = RunRecord(command="segment", state="done", fields=done, failed=failed)
    return RunResult(folder=Path("out"), record=record)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for the commands: "given" is what they were called with, "result" what they return or raise."""
    seen: dict[str, Any] = {"result": result(("a",), {})}

    def stand_in(**given: Any) -> RunResult:
        seen["given"] = given
        if isinstance(seen["result"], BaseException):
            raise seen["result"]
        returned: RunResult = seen["result"]
        return returned

    for module, function in (
        ("segment_cells", "segment_cells"),
        ("learn_markers", "learn_markers"),
        ("predict_fields", "predict_fields"),
    ):
        replaced = ModuleType(module)
        setattr(replaced, function, stand_in)
        monkeypatch.setitem(sys.modules, f"frugalseg.commands.{module}", replaced)
    return seen


def test_version(run) -> None:
    ended = run("--version")
    assert (ended.code, ended.out, ended.err) == (0, f"frugalseg {frugalseg.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("segmnt", "a.tif"),
        ("inspect",),
        ("inspect", "a.tif", "--nosuch"),
        ("score", "a.tif"),
        ("segment", "a.tif", "--cells", "phase", "--nuclei", "dapi"),
        ("segment", "a.tif", "--cells", "phase", "-o", "out"),
        ("segment", "a.tif", "--cells", "phase", "--nuclei", "dapi", "--markers", "points", "-o", "out"),
        ("segment", "a.tif", "--cells", "phase,", "--nuclei", "dapi", "-o", "out"),
        ("segment", "a.tif", "--cells", "phase", "--nuclei", "dapi", "-o", "out", "--foreground", "magic"),
        ("segment", "a.tif", "--cells", "phase", "--nuclei", "dapi", "-o", "out", "--diameter", "wide"),
        ("segment", "a.tif", "--cells", "phase", "--nuclei", "dapi", "-o", "out", "--max-steps", "0"),
        ("learn",),
        ("learn", "stain"),
        ("predict", "model"),
        ("segment", "a.tif", "--cells", "phase", "--nuclei", "dapi", "-o", ""),
        ("learn", "markers", "a.tif", "--cells", "phase", "--nuclei", "dapi", "--start", "", "-o", "out"),
        ("inspect", ""),
        ("score", "a.tif", "b.tif", "--json", ""),
    ],
)
def test_wrong_usage_ends_with_2_and_calls_nothing(run, calls, arguments) -> None:
    assert run(*arguments).code == 2
    assert "given" not in calls


def test_segment_hands_every_option_on(run, calls) -> None:
    typed = "segment a.tif b.tif --cells phase,actin --nuclei dapi --diameter 40 --nuclei-diameter 15 -o out"
    typed += " --nuclei-method log --foreground scribbles --scribbles s --truth cells --preset paper --max-steps 50"
    typed += " --seed 3 --no-baselines --device cpu --resume --quiet --pattern {field}.tif --where split=test --where field!=x"
    ended = run(*typed.split())
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    given = calls["given"]
    assert set(given) == {"inputs", "out", "settings", "options"}
    assert (given["inputs"], given["out"]) == ((Path("a.tif"), Path("b.tif")), Path("out"))
    assert given["settings"] == SegmentSettings(
        cells=("phase", "actin"),
        nuclei="dapi",
        diameter=40.0,
        nuclei_diameter=15.0,
        nuclei_method="log",
        foreground="scribbles",
        scribbles="s",
        truth="cells",
        preset="paper",
        max_steps=50,
        baselines=False,
        seed=3,
    )
    assert given["options"] == RunOptions(
        pattern="{field}.tif", where=("split=test", "field!=x"), device="cpu", resume=True, quiet=True
    )


def test_segment_hands_on_the_settings_that_exclude_those(run, calls) -> None:
    typed = "segment a.tif --cells phase --nuclei-from model --mask m --overwrite -o out"
    assert run(*typed.split()).code == 0
    assert calls["given"]["settings"] == SegmentSettings(cells=("phase",), nuclei_from="model", mask="m")
    assert calls["given"]["options"] == RunOptions(overwrite=True)


def test_learn_markers_and_predict_hand_on_theirs(run, calls) -> None:
    typed = "learn markers a.tif --cells 1 --markers m -o model --overwrite"
    assert run(*typed.split()).code == 0
    assert calls["given"] == {
        "inputs": (Path("a.tif"),),
        "out": Path("model"),
        "settings": LearnMarkersSettings(cells=("1",), markers="m"),
        "options": RunOptions(overwrite=True),
    }
    assert run("predict", "model", "a.tif", "--nuclei", "dapi", "-o", "out").code == 0
    assert calls["given"] == {
        "model": Path("model"),
        "inputs": (Path("a.tif"),),
        "out": Path("out"),
        "settings": PredictSettings(nuclei="dapi"),
        "options": RunOptions(),
    }
    assert calls["given"]["settings"].cells == ()  # channels of the model unless given


SEGMENT = ("segment", "a.tif", "--cells", "phase", "--nuclei", "dapi", "-o", "out")


@pytest.mark.parametrize(
    ("fields", "failed", "code"),
    [(("a",), {}, 0), (("a",), {"b": "no\nnucleus"}, 3), ((), {"b": "no"}, 1)],
)
def test_the_exit_code_tells_how_many_fields_failed(run, calls, fields, failed, code) -> None:
    calls["result"] = result(fields, failed)
    ended = run(*SEGMENT, "--json")
    assert ended.code == code
    assert list(json.loads(ended.out)["fields"]) == list(fields)
    assert ended.err.count("failed: b: no") == len(failed)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BadModel("model m is damaged:\n card.yaml"), 1, "error: model m is damaged: card.yaml"),
        (Interrupted("2 of 3 fields are done"), 130, "stopped: 2 of 3 fields are done"),
        (KeyboardInterrupt(), 130, "stopped: results that were finished are kept"),
    ],
)
def test_an_error_of_the_user_is_one_line(run, calls, error, code, line) -> None:
    calls["result"] = error
    ended = run(*SEGMENT)
    assert (ended.code, ended.out) == (code, "")
    assert ended.error.startswith(line)


def test_a_defect_keeps_its_traceback(calls, run) -> None:
    calls["result"] = ZeroDivisionError("a defect")
    from frugalseg.cli import main

    with pytest.raises(ZeroDivisionError):
        main(SEGMENT)


def test_a_setting_out_of_range_is_named_as_it_is_typed(run, calls) -> None:
    ended = run(*SEGMENT, "--nuclei-diameter", "1.5")
    assert ended.code == 1
    assert ended.error.startswith("error: --nuclei-diameter: ")
    assert "1.5" in ended.error
    assert "given" not in calls


def test_parameters_in_messages_become_options(run, calls) -> None:
    calls["result"] = BadModel("give `overwrite`, `nuclei_diameter` or `hold_out`; `inputs` are wrong")
    assert run(*SEGMENT).error == "error: give --overwrite, --nuclei-diameter or `hold_out`; INPUT are wrong"
    calls["result"] = result((), {"a": "the `mask` is empty"})
    assert run(*SEGMENT).error == "failed: a: the --mask is empty"
    assert run("learn", "markers", *SEGMENT[1:], "--resume", "--overwrite").error == (
        "error: --resume keeps earlier results and --overwrite replaces them; give one of them"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_ends_a_command_as_ctrl_c_does(run, calls, monkeypatch, number) -> None:
    handlers = []

    def terminated(**_: Any) -> None:
        handlers.append(signal.getsignal(signal.SIGTERM))
        signal.raise_signal(number)

    monkeypatch.setattr(sys.modules["frugalseg.commands.segment_cells"], "segment_cells", terminated)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        ended = run(*SEGMENT)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert (ended.code, ended.out) == (130, "")
    assert ended.error == "stopped: results that were finished are kept, nothing half-written is left"
    assert callable(handlers[0])
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_sigterm_while_a_command_is_built_is_one_line_too(run, monkeypatch) -> None:
    monkeypatch.setattr(
        "frugalseg.cli.built_command.BuiltCommand.__init__",
        lambda *_, **__: signal.raise_signal(signal.SIGTERM),
    )
    ended = run(*SEGMENT)
    assert (ended.code, ended.error[:8]) == (130, "stopped:")


def test_a_program_that_has_its_own_handler_keeps_it(run, calls) -> None:
    def mine(*_: object) -> None: ...

    usual = signal.signal(signal.SIGTERM, mine)
    try:
        assert run(*SEGMENT).code == 0
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, usual)


def test_ctrl_c_in_code_made_of_text_ends_with_130_too(tmp_path: Path) -> None:
    """As dataclasses are: `python -m` would end by the signal itself, whatever was caught."""
    (tmp_path / "stopped.py").write_text(
        "from frugalseg.cli import built_command, main\n"
        "built_command.BuiltCommand.invoke = lambda *_: exec('raise KeyboardInterrupt')\n"
        "main(['doctor'])\n"
    )
    folders = os.pathsep.join([str(Path(frugalseg.__file__).parents[1]), str(tmp_path)])
    ended = subprocess.run(
        [sys.executable, "-m", "stopped"],
        env={**os.environ, "PYTHONPATH": folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr[:8]) == (130, "stopped:")
