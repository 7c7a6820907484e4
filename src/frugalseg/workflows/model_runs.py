"""What the three `learn` commands do alike: resuming, and what is kept of a run in its model folder."""

import json
import shutil
from pathlib import Path
from typing import Any

from frugalseg.errors import OutputFailed, SettingsError
from frugalseg.images.write import plain, write_json
from frugalseg.learning.fit import FitRecord
from frugalseg.networks.store import check_free
from frugalseg.workflows.outputs import REPORT, RunResult, read_json

#: In a model folder: what was done with which settings, and the curves of the training.
RECORD, TRAINING = "record.json", "training.json"
#: In the folder of the checkpoint: the settings that a resumed run must have too.
ASKED = "asked.json"


def checkpoints_of(model: Path) -> Path:
    """Folder beside a model that holds the checkpoint while it is trained."""
    return model.with_name(f"{model.name}.part")


def begin_model(out: Path, asked: dict[str, Any], resume: bool, overwrite: bool) -> RunResult | None:
    """Make the folder of the checkpoint, or give the result of the same run where it is complete already.

    Raises
    ------
    OutputExists, OutputFailed
        There is a model already; nothing can be written.
    SettingsError
        `resume` with other settings than the earlier run's, or together with `overwrite`.
    """
    if overwrite and resume:
        raise SettingsError("resume keeps earlier results and overwrite replaces them; give one of them")
    if resume and (out / RECORD).exists():
        return _earlier(out, asked)
    check_free(out, overwrite)
    part = checkpoints_of(out)
    if resume and (part / ASKED).exists():
        was = read_json(part / ASKED)
        changed = sorted(key for key in {*was, *asked} if was.get(key) != asked.get(key))
        if changed:
            raise SettingsError(
                f"{part} holds a run of other settings ({', '.join(changed)}); resume with the same ones, or start again "
                "without --resume"
            )
        return None
    shutil.rmtree(part, ignore_errors=True)
    try:
        write_json(part / ASKED, asked)
    except OutputFailed:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return None


def _earlier(out: Path, asked: dict[str, Any]) -> RunResult:
    content = read_json(out / RECORD)
    if content.get("settings") != asked:
        raise SettingsError(f"{out} holds a model of other settings; replace it with --overwrite instead")
    return model_result(out, content)


def model_result(out: Path, content: dict[str, Any]) -> RunResult:
    """Give a record as the result of a run."""
    summary = {key: value for key, value in content.items() if key not in ("fields", "failed")}
    return RunResult(out, content["fields"], content["failed"], summary)


def model_extras(training: FitRecord, content: dict[str, Any], report: str) -> dict[str, str]:
    """Files that stand in the model folder beside the weights."""
    return {
        TRAINING: json.dumps(training.to_dict()) + "\n",
        RECORD: json.dumps(plain(content), indent=2, allow_nan=False) + "\n",
        REPORT: report,
    }
