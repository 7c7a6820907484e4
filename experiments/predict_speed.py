"""How long a new field takes in Python, and a step of self-training: medians, wall and CPU seconds.

    python experiments/predict_speed.py --model FOLDER [--data FOLDER] [--field hela_u1] [--repeats 5] [--threads 1]

`predict` of a self-trained model as it is, with the diameter given (no search for the scale), and in one orientation; and a
step as `self_train` takes it, of 4 crops of 128 px. To compare two versions on a busy machine, run it with one thread
for each in turn, by PYTHONPATH, and take the ratio of CPU seconds.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from real_fields import open_field, speed_parser


def show(name: str, run: Callable[[], Any], repeats: int) -> None:
    """Run once without counting, then `repeats` times, and print the medians."""
    run()
    taken = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    walls, cpus = (statistics.median(one) for one in zip(*taken, strict=True))
    print(f"{name}: {walls:.3f} s, {cpus:.3f} CPU s", flush=True)


def training_step() -> Callable[[], None]:
    """Return a function that takes the next step of training on a synthetic image."""
    import torch

    from frugalseg import make_cells
    from frugalseg.images.normalize import zscore
    from frugalseg.learning.crop_batches import CropBatches
    from frugalseg.learning.crops import CropSampler
    from frugalseg.learning.from_labels.label_samples import label_sample
    from frugalseg.learning.from_labels.label_training import cell_terms
    from frugalseg.networks.object_net import object_network

    torch.set_flush_denormal(True)
    cells = make_cells((700, 700), n_cells=300, seed=1)
    planes = zscore(cells.phase[None].astype(np.float32), (), "the image")
    sample = label_sample("image", planes, cells.cells, "cells", 1.0)
    draw = CropSampler([sample.targets[-1]], 128, 0, 0.0, 0.5)
    batches = CropBatches([sample], draw, 128, 4, 0, True, 0.2, 0.25)
    network = object_network("cells", "efficientnet_lite0", 1).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)

    def step() -> None:
        distance, mask = cell_terms(network, batches(len(steps)))
        optimizer.zero_grad()
        torch.autograd.backward(distance + mask)
        optimizer.step()
        steps.append(1)

    steps: list[int] = []
    return step


def main() -> None:
    """Measure all and print it."""
    given = speed_parser(__doc__, threads=1).parse_args()

    import torch

    from frugalseg.models.object_model import ObjectModel

    torch.set_num_threads(given.threads)
    model = ObjectModel.load(given.model, "cpu")
    size = model.card.found_diameter or model.card.diameter  # early models do not say
    model.card = model.card.model_copy(update={"self_trained": True, "found_diameter": size})
    image = open_field(given.data, given.field).planes(["phase"])
    diameter = model.card.diameter
    show("predict", lambda: model.predict(image), given.repeats)
    show("predict, diameter given", lambda: model.predict(image, diameter=diameter), given.repeats)
    model.settings = model.settings.model_copy(update={"orientations": 1})
    show(
        "predict, diameter given, one orientation",
        lambda: model.predict(image, diameter=diameter),
        given.repeats,
    )
    show("step of training", training_step(), given.repeats)


if __name__ == "__main__":
    main()
