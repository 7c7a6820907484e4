"""What all commands share: usage errors, one line for an error of the user, Ctrl-C, the version."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from frugalseg.workflows.outputs import RunResult
from pydantic import BaseModel, ConfigDict

import frugalseg
from frugalseg.errors import BadModel, Interrupted


class Settings(BaseModel):
    """Every setting that the command line knows."""

    model_config = ConfigDict(extra="forbid")
    cells: tuple[str, ...] = ()
    nuclei: str | None = None
    nuclei_from: str | None = None
    markers: str | None = None
    diameter: float | None = None
    nuclei_diameter: float | None = None
    foreground: str = "auto"
    scribbles: str | None = None
    mask: str | None = None
    truth: str | None = None
    preset: str = "default"
    max_steps: int | None = None
    baselines: bool = True
    seed: int = 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for the workflows: what they were called with, and in "result" what they give (or raise)."""
    seen: dict[str, Any] = {"result": RunResult(Path("out"), {"a": {}}, {})}

    def workflow(*given: Any, **named: Any) -> RunResult:
        seen["given"], seen["named"] = given, named
        if isinstance(seen["result"], BaseException):
            raise seen["result"]
        return seen["result"]

    for module, settings, function in (
        ("segment", "SegmentSettings", "segment_fields"),
        ("learn_markers", "LearnMarkersSettings", "learn_markers_model"),
        ("predict", "PredictSettings", "predict_fields"),
    ):
        stand_in = ModuleType(module)
        setattr(stand_in, settings, Settings)
        setattr(stand_in, function, workflow)
        monkeypatch.setitem(sys.modules, f"frugalseg.workflows.{module}", stand_in)
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
    ],
)
def test_wrong_usage_ends_with_2_and_calls_nothing(run, calls, arguments) -> None:
    assert run(*arguments).code == 2
    assert "given" not in calls


def test_segment_hands_every_option_on(run, calls) -> None:
    typed = "segment a.tif b.tif --cells phase,actin --nuclei dapi --diameter 40 --nuclei-diameter 15 -o out"
    typed += (
        " --foreground texture --scribbles s --mask m --truth cells --preset paper --max-steps 50 --seed 3"
    )
    typed += " --no-baselines --device cpu --resume --quiet --pattern {field}.tif --where split=test --where field!=x"
    ended = run(*typed.split())
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    inputs, out, settings = calls["given"]
    assert (inputs, out) == ((Path("a.tif"), Path("b.tif")), Path("out"))
    assert settings.model_dump() == {
        "cells": ("phase", "actin"),
        "nuclei": "dapi",
        "nuclei_from": None,
        "markers": None,
        "diameter": 40.0,
        "nuclei_diameter": 15.0,
        "foreground": "texture",
        "scribbles": "s",
        "mask": "m",
        "truth": "cells",
        "preset": "paper",
        "max_steps": 50,
        "baselines": False,
        "seed": 3,
    }
    assert calls["named"] == {
        "pattern": "{field}.tif",
        "where": ("split=test", "field!=x"),
        "device": "cpu",
        "resume": True,
        "overwrite": False,
        "quiet": True,
    }


def test_learn_markers_and_predict_hand_on_theirs(run, calls) -> None:
    assert (
        run("learn", "markers", "a.tif", "--cells", "1", "--markers", "m", "-o", "model", "--overwrite").code
        == 0
    )
    inputs, out, settings = calls["given"]
    assert (inputs, out, settings.cells, settings.markers) == ((Path("a.tif"),), Path("model"), ("1",), "m")
    assert calls["named"]["overwrite"] is True
    assert run("predict", "model", "a.tif", "--nuclei", "dapi", "-o", "out").code == 0
    model, inputs, out, settings = calls["given"]
    assert (model, inputs, out) == (Path("model"), (Path("a.tif"),), Path("out"))
    assert (settings.cells, settings.nuclei) == ((), "dapi")  # channels of the model unless given


SEGMENT = ("segment", "a.tif", "--cells", "phase", "--nuclei", "dapi", "-o", "out")


@pytest.mark.parametrize(
    ("fields", "failed", "code"),
    [({"a": {}}, {}, 0), ({"a": {}}, {"b": "no\nnucleus"}, 3), ({}, {"b": "no"}, 1)],
)
def test_the_exit_code_tells_how_many_fields_failed(run, calls, fields, failed, code) -> None:
    calls["result"] = RunResult(Path("out"), fields, failed)
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
    calls["result"] = ZeroDivisionError("ours")
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
    calls["result"] = RunResult(Path("out"), {}, {"a": "the `mask` is empty"})
    assert run(*SEGMENT).error == "failed: a: the --mask is empty"
    assert run("learn", "markers", *SEGMENT[1:], "--resume", "--overwrite").error == (
        "error: --resume keeps earlier results and --overwrite replaces them; give one of them"
    )
