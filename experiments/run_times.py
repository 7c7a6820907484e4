"""How long commands take from start to finish, and how much memory: run it on a quiet machine.

    python experiments/run_times.py --out FILE.jsonl [--data FOLDER]

`segment` of five HeLa fields, of one, of a field of 512 px with 300 cells, and of twenty fields (five HeLa fields four
times); `predict` of one new field without nuclei, with the student of the five. Wall and CPU seconds and the largest
resident memory of each process, and the seconds of the stages from run.json. Default settings; threads as PyTorch takes
them, on all cores.
"""

import csv
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from real_fields import append_lines, parser

HELA = [f"hela_{i}" for i in range(1, 6)]


def timed(name: str, arguments: list[str], out: Path) -> dict[str, Any]:
    """Run a command in a process of its own, and return what it took."""
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    command = [sys.executable, "-m", "frugalseg", *arguments, "-o", str(out), "--quiet"]
    start = time.perf_counter()
    process = os.posix_spawn(sys.executable, command, environment)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{name} failed: {' '.join(command)}")
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    result = {"run": name, "wall": round(wall, 1), "cpu": round(used.ru_utime + used.ru_stime, 1)}
    return result | {"memory_gb": round(used.ru_maxrss / 1e6, 2), "stages": record.get("stages")}


def table_of_twenty(data: Path, folder: Path) -> Path:
    """Write a table of twenty fields that are five HeLa fields under four names each."""
    home = data / "phase_nuclear"
    with (home / "fields.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["field"]: row for row in csv.DictReader(file)}
    with (folder / "fields.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["field", "phase", "nuclear"])
        for copy in "abcd":
            for name in HELA:
                row = rows[name]
                writer.writerow([f"{name}{copy}", home / row["phase"], home / row["nuclear"]])
    return folder / "fields.csv"


def main() -> None:
    """Run all commands, one after the other, and print what each took."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    phase = str(given.data / "phase_nuclear" / "fields.csv")
    cells = ["--cells", "phase", "--nuclei", "nuclear"]
    where = ["--where", f"field={','.join(HELA)}"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        human = [
            str(given.data / "cellprofiler_human" / "fields.csv"),
            "--cells",
            "cyto",
            "--nuclei",
            "nuclear",
        ]
        runs = {
            "five": ["segment", phase, *where, *cells],
            "predict": ["predict", str(out / "five" / "model"), phase, "--where", "field=mcf10a_s1"],
            "predict HeLa": ["predict", str(out / "five" / "model"), phase, "--where", "field=hela_u1"],
            "one": ["segment", phase, "--where", "field=hela_5", *cells],
            "512 px": ["segment", *human],
            "twenty": ["segment", str(table_of_twenty(given.data, out)), *cells],
        }
        for name, arguments in runs.items():
            row = timed(name, arguments, out / name)
            append_lines(given.out, [row])
            print(row, flush=True)


if __name__ == "__main__":
    main()
