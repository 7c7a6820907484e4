"""What a run knows of its fields: its result, and how a record is read back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from frugalseg.errors import UnreadableFile
from frugalseg.images.write import plain


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind.

    Attributes
    ----------
    folder
        OUT.
    fields
        Field name -> its record, in order.
    failed
        Field name -> one line that says why.
    summary
        What else went into ``run.json``.
    """

    folder: Path
    fields: Mapping[str, Mapping[str, Any]]
    failed: Mapping[str, str] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; measurements stay in their table."""
        return {
            "folder": str(self.folder),
            **plain(dict(self.summary)),
            "fields": {name: plain(without_rows(record)) for name, record in self.fields.items()},
            "failed": dict(self.failed),
        }


def without_rows(record: Mapping[str, Any]) -> dict[str, Any]:
    """A field's record without its cells, which stand in ``measurements.csv``, and what only `Outputs` needs."""
    return {key: value for key, value in record.items() if key not in ("measurements", "run", "result")}


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; `UnreadableFile` where it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(
            f"{path} can't be read ({error}); start again with --overwrite or another folder"
        ) from error
    if not isinstance(content, dict):
        raise UnreadableFile(f"{path} is no record of a run; start again with --overwrite or another folder")
    return content
