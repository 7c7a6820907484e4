"""What a busy core costs, and how long waiting threads of torch should spin: a new image and a step of training.

    python experiments/busy_core.py --model FOLDER [--data FOLDER] [--spins 0,2000,10000,300000] [--repeats 3] [--busy]

Two threads on two cores; with `--busy`, another process uses one core all the while. Each setting runs in a process of its own,
by experiments/predict_speed.py; 300 000 is what GNU OpenMP takes by itself.
"""

import os
import subprocess
import sys
from pathlib import Path

from real_fields import parser


def main() -> None:
    """Measure each setting in turn and print it."""
    options = parser(__doc__)
    options.add_argument("--model", type=Path, required=True)
    options.add_argument("--spins", default="0,2000,10000,300000")
    options.add_argument("--repeats", default="3")
    options.add_argument("--busy", action="store_true")
    given = options.parse_args()
    # in a session of its own, as a program that somebody else has started: the scheduler shares cores between sessions
    line = [sys.executable, "-c", "while True: pass"]
    other = subprocess.Popen(line, start_new_session=True) if given.busy else None
    try:
        for spins in given.spins.split(","):
            print(f"spins {spins}, {'one core busy' if given.busy else 'quiet'}", flush=True)
            script = Path(__file__).with_name("predict_speed.py")
            line = [sys.executable, str(script), "--model", str(given.model), "--data", str(given.data)]
            environment = {**os.environ, "GOMP_SPINCOUNT": spins, "OMP_NUM_THREADS": "2"}
            subprocess.run([*line, "--threads", "2", "--repeats", given.repeats], env=environment, check=True)
    finally:
        if other is not None:
            other.kill()


if __name__ == "__main__":
    main()
