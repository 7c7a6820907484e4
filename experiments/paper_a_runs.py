"""What the experiments on paper A share: data, budgets, runs that are kept, and tables with intervals.

Every run is one call of a command of `frugalseg.commands` with its settings, on one thread. Its record goes to a JSON file in the
folder `--out`, and runs that have one are not done again, so each experiment can be stopped and called again.
"""

import argparse
import csv
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from real_fields import parser

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from frugalseg.runs.options import RunOptions

HELA = ("hela_1", "hela_2", "hela_3", "hela_4")
#: The small budget that fits two CPU cores: crops of 128 px, 4 at a time.
STAIN_STEPS, LABEL_STEPS = 600, 200
CROP, BATCH = 128, 4
#: One network for all starts; its ImageNet weights need no download. Stain models start from them, as in paper A.
ENCODER = "efficientnet_lite0"


def arguments(doc: str | None) -> argparse.Namespace:
    """Options that all experiments have."""
    options = parser(doc)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument(
        "--steps-factor", type=float, default=1.0, help="times the steps stated in the script"
    )
    return options.parse_args()


def kept(path: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A run's record, computed once."""
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    record = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return record


def options_for(fields: Sequence[str], **changed: bool) -> "RunOptions":
    """Return the options of a run on these fields."""
    from frugalseg.runs.options import RunOptions

    return RunOptions(where=(f"field={','.join(fields)}",), device="cpu", quiet=True, **changed)


def stain_model(
    out: Path,
    table: Path,
    fields: Sequence[str],
    inputs: str,
    to: str,
    scale: float,
    seed: int,
    steps: int,
) -> Path:
    """Train a stain model on whole fields, nothing held out; return its folder."""
    from frugalseg.commands.command_settings import LearnStainsSettings
    from frugalseg.commands.learn_stains import learn_stains

    settings = LearnStainsSettings(
        inputs=inputs,
        to=to,
        scale=scale,
        hold_out=False,
        encoder=ENCODER,
        weights="imagenet",
        crop=CROP,
        batch=BATCH,
        max_steps=steps,
        seed=seed,
    )
    learn_stains([table], out, settings, options_for(fields, resume=True))
    return out


def cell_model(
    out: Path,
    table: Path,
    fields: Sequence[str],
    target: str,
    inputs: str,
    start: Path | str,
    scale: float | None,
    seed: int,
    steps: int,
    **changed: Any,
) -> Path:
    """Train a model of nuclei or cells, the last weights kept; start: "nothing", "imagenet" or a model's folder.

    `changed` are other settings of `LearnLabelsSettings`.
    """
    from frugalseg.commands.command_settings import LearnLabelsSettings
    from frugalseg.commands.learn_labels import learn_labels

    begin = (
        {"encoder": ENCODER, "weights": "imagenet" if start == "imagenet" else "none"}
        if isinstance(start, str)
        else {"start": start}
    )
    settings = LearnLabelsSettings(
        inputs=inputs,
        labels=target,
        target=target,
        scale=scale,
        hold_out=False,
        crop=CROP,
        batch=BATCH,
        max_steps=steps,
        seed=seed,
        **begin,
        **changed,
    )
    learn_labels([table], out, settings, options_for(fields, resume=True))
    return out


def predicted(
    model: Path, table: Path, fields: Sequence[str], out: Path, truth: str, **changed: Any
) -> dict[str, Any]:
    """Records of fields by a model."""
    from frugalseg.commands.command_settings import PredictSettings
    from frugalseg.commands.predict_fields import predict_fields

    settings = PredictSettings(truth=truth, **changed)
    result = predict_fields(model, [table], out, settings, options_for(fields, overwrite=True))
    return dict(result.to_dict()["fields"])


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a fields.csv."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def crop_labels(labels: "NDArray[Any]", side: int, seed: int) -> "NDArray[np.int32]":
    """Keep one crop of a label map (Y,X), at the place that `crop_table` takes; everything else is -1."""
    import numpy as np

    random = np.random.default_rng([seed, 5])
    while True:
        y, x = (int(random.integers(max(1, n - side + 1))) for n in labels.shape)
        area = (slice(y, y + side), slice(x, x + side))
        if (labels[area] > 0).any():
            break
    part = np.full(labels.shape, -1, np.int32)
    part[area] = labels[area]
    return part


def crop_table(out: Path, data: Path, folder: str, field: str, labels: str, side: int, seed: int) -> Path:
    """A fields.csv with one field of which only one crop is annotated, at a place drawn by the seed.

    Everything else is -1, "not annotated", so it enters no loss. The crop is drawn until it holds a label.
    """
    import tifffile

    row = next(row for row in rows_of(data / folder / "fields.csv") if row["field"] == field)
    out.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(out / "crop.tif", crop_labels(tifffile.imread(data / folder / row[labels]), side, seed))
    channels = {name: str(data / folder / file) for name, file in row.items() if file.endswith(".tif")}
    with (out / "fields.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["field", *channels])
        writer.writeheader()
        writer.writerow({"field": field, **channels, labels: str(out / "crop.tif")})
    return out / "fields.csv"


def in_parallel(function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]], workers: int) -> list[Any]:
    """Results of all jobs, in order."""
    with ProcessPoolExecutor(workers) as pool:
        waiting = [pool.submit(function, *job) for job in jobs]
        return [one.result() for one in waiting]


def mean_text(values: Sequence[float]) -> str:
    """Mean and 95 % interval over seeds."""
    from frugalseg.evaluation.intervals import mean_interval

    one = mean_interval(list(values))
    return f"{one.mean:.3f}" if one.low is None else f"{one.mean:.3f} [{one.low:.3f}, {one.high:.3f}]"


def gain_text(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Gain of paired runs, relative and as a difference, each with mean and 95 % interval over seeds."""
    from frugalseg.evaluation.intervals import mean_interval

    texts = []
    for gains, form in (
        ([(a - b) / b for a, b in zip(ours, theirs, strict=True) if b > 0], "+.0%"),
        ([a - b for a, b in zip(ours, theirs, strict=True)], "+.3f"),
    ):
        if gains:
            one = mean_interval(gains)
            span = "" if one.low is None else f" [{one.low:{form}}, {one.high:{form}}]"
            texts.append(f"{one.mean:{form}}{span}")
    return "; ".join(texts)
