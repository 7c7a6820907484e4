"""What experiments on real fields share: where the fields are, their cues, options and files of results.

Importing this module limits a process to one thread, because experiments run several processes side by side.
"""

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from frugalseg import Field, ImageCues

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

HELA = tuple(f"hela_{i}" for i in range(1, 6))
FLUORESCENT = {
    "Kc167": ("kc167_095", "kc167_096", "kc167_097"),
    "macrophage": ("macrophagocyte_104", "macrophagocyte_106", "macrophagocyte_107"),
    "neuronal": ("neurocyte_010", "neurocyte_044", "neurocyte_069"),
}


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of the command line that has the option ``--data``."""
    found = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    found.add_argument("--data", type=Path, default=Path(os.environ.get("FRUGALSEG_DATA", str(shared))))
    return found


def speed_parser(doc: str | None, threads: int) -> argparse.ArgumentParser:
    """Return a parser for timing a model on one field, with so many threads by default."""
    found = parser(doc)
    found.add_argument("--model", type=Path, required=True)
    found.add_argument("--field", default="hela_u1")
    found.add_argument("--repeats", type=int, default=5)
    found.add_argument("--threads", type=int, default=threads)
    return found


def home_of(name: str) -> tuple[str, str]:
    """Return the folder of a field, and its channel with whole cells."""
    return ("phase_nuclear", "phase") if name.startswith(("hela", "3t3")) else ("fluo_two_channel", "cyto")


def open_field(data: Path, name: str) -> "Field":
    """Open one field of the sets with a nuclear channel."""
    from frugalseg import open_fields

    return open_fields([data / home_of(name)[0] / "fields.csv"], where=[f"field={name}"])[0]


def default_cues(field: "Field") -> "ImageCues":
    """Find the cues of a field with default settings, as `frugalseg segment` does."""
    from frugalseg import find_cues

    return find_cues(field.planes([home_of(field.name)[1]]), field.plane("nuclear"), name=field.name)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the records of earlier runs, one JSON object a line; none where there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def append_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Append records to a file, one JSON object a line."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in records)
