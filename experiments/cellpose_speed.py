"""How long a new field takes: a student of frugalseg against the network of cellpose, in turn on the same machine.

    python experiments/cellpose_speed.py --model FOLDER --cellpose PYTHON [--data FOLDER] [--field hela_u1] [--repeats 5] [--threads 2]

FOLDER is a model of `segment` or `learn markers`, PYTHON the interpreter of an environment with cellpose 3
(`pip install "cellpose<4"`). Ours is `predict` from grey values to labels, which finds the scale by itself, and the same
with the diameter given and in one orientation. Theirs is the network of the cyto models alone, without the flows
that turn its maps into cells, on the image resized so that cells are 30 px wide; its weights are random, since time does not
depend on them. Printed: medians of wall and CPU seconds, and the median ratio of pairs.
"""

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from real_fields import open_field, speed_parser

#: Cells are this wide for the cyto models of cellpose, px.
CELLPOSE_DIAMETER = 30.0

THEIRS = """
import sys, time
import numpy as np, torch
from cellpose import core, models
path, scale, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
image = np.load(path)
net = models.CellposeModel(gpu=False).net.eval()
for _ in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    core.run_net(net, image, rsz=scale)
    print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)
"""

Seconds = tuple[float, float]


def timed(run: Callable[[], Any]) -> Seconds:
    """Return wall and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def alternate(ours: dict[str, Callable[[], Any]], theirs: Callable[[], Seconds], repeats: int) -> None:
    """Time each of ours and theirs in turn, the first time without counting, and print medians and ratios."""
    taken: dict[str, list[Seconds]] = {}
    for _ in range(repeats + 1):
        for name, run in ours.items():
            taken.setdefault(name, []).append(timed(run))
        taken.setdefault("cellpose, network", []).append(theirs())
    other = np.array(taken["cellpose, network"][1:])
    for name, pairs in taken.items():
        own = np.array(pairs[1:])
        wall, cpu = np.median(own, axis=0)
        ratios = (statistics.median(other[:, at] / own[:, at]) for at in (0, 1))
        times = " and ".join(f"{one:.2f}" for one in ratios)
        print(f"{name}: {wall:.2f} s, {cpu:.2f} CPU s; cellpose takes {times} times as long", flush=True)


def main() -> None:
    """Measure all and print it."""
    options = speed_parser(__doc__, threads=2)
    options.add_argument("--cellpose", type=Path, required=True)
    given = options.parse_args()

    import torch

    from frugalseg.models.object_model import ObjectModel

    torch.set_num_threads(given.threads)
    model, single = (ObjectModel.load(given.model, "cpu") for _ in range(2))
    single.settings = single.settings.model_copy(update={"orientations": 1})
    image = open_field(given.data, given.field).planes(["phase"])
    diameter = model.card.diameter
    ours = {
        "predict": lambda: model.predict(image),
        "predict, diameter given, one orientation": lambda: single.predict(image, diameter=diameter),
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "image.npy"
        two = np.stack([image[0], np.zeros_like(image[0])], axis=-1)[None]
        np.save(path, two / two.max())
        scale = str(CELLPOSE_DIAMETER / diameter)
        command = [str(given.cellpose), "-c", THEIRS, str(path), scale, str(given.threads)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:

            def theirs() -> Seconds:
                assert other.stdin is not None
                assert other.stdout is not None
                other.stdin.write("\n")
                other.stdin.flush()
                wall, cpu = map(float, other.stdout.readline().split())
                return wall, cpu

            alternate(ours, theirs, given.repeats)


if __name__ == "__main__":
    main()
