"""Images of the other contrast, dark for bright: does a student notice, and does it find the cells of the image inverted?

    python experiments/inverted_contrast.py --out FILE.jsonl --students FOLDER [--kinds HeLa,RAW,MCF10A] [--seeds 0,1,2] [--times]

Students of one line of cells each, all in phase contrast (trained and kept in FOLDER, as by adapted_norms.py). They find cells in labelled fields of four lines, once as
these are and once with inverted grey values, and in fields that are of the other contrast by nature: BMDM, which have no truth, and T98G, which have no nuclei.
One line per student and image, without nuclei and with them: mAP as the network sees the image, as `predict` sees it by default, and inverted whatever the
confidence; whether the default was inverted; and the mean confidence of both. Results of earlier calls are kept.

`--times`: in place of that, the CPU seconds that `find_objects` of the first student takes with each way of seeing an image otherwise, divided by those with none.

Printed: where the default is inverted, and mean mAP of both ways on images as they are and on inverted ones, over fields that a student did not learn from.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from adapted_norms import LABEL_FREE, LEARNED, student
from real_fields import append_lines, parser, read_lines
from self_training import open_one

if TYPE_CHECKING:
    from frugalseg import ObjectModel
    from frugalseg.models.seen_image import SeenImage

BMDM, T98G = ("bmdm_u1", "bmdm_u2"), tuple(f"t98g_{number}" for number in ("01", "25", "46", "48"))


def images_of(data: Path) -> Iterator[tuple[str, bool, Any, Any, Any]]:
    """Yield name, whether grey values are inverted, planes (C,Y,X), nuclear stain or None, and true cells or None."""
    for name in (*LABEL_FREE, *BMDM, *T98G):
        one = open_one(data, name, "phase_cells_t98g" if name in T98G else "phase_nuclear")
        planes = one.planes(["phase"]).astype(np.float32)
        stain = None if name in T98G else one.plane("nuclear")
        truth = one.labels("cells") if one.has("cells") else None
        yield name, False, planes, stain, truth
        if name in LABEL_FREE:
            yield name, True, -planes, stain, truth


def sights(model: "ObjectModel", planes: Any, cues: Any) -> Iterator[tuple[str, Any, dict[int, float], bool]]:
    """Yield what a student finds in each way, without nuclei and with them: the way, labels, confidence, and whether it was inverted."""
    from frugalseg.models.marker_areas import marker_areas
    from frugalseg.models.seeded_cells import seeded_cells
    from frugalseg.models.seen_image import see_image
    from frugalseg.models.unseeded_objects import unseeded_objects

    usual = model.card.usual_confidence
    for way, confidence, invert in (
        ("as it is", None, False),
        ("default", usual, False),
        ("inverted", None, True),
    ):

        def see(known: Any, invert: bool = invert, confidence: float | None = confidence) -> "SeenImage":
            about = model.card, model.network, model.settings, planes, "the image"
            seen = see_image(*about, cues=known, contrast=-1 if invert else 1)
            return replace(seen, usual_confidence=confidence)

        alone = unseeded_objects(see(None))
        yield f"{way}, alone", alone.labels, dict(alone.confidence or {}), alone.seen.inverted
        if cues is not None:
            around = seeded_cells(see(cues), marker_areas(cues))
            inverted = around.seen is not None and around.seen.inverted
            yield f"{way}, nuclei", around.labels, dict(around.confidence), inverted


def row_of(model: "ObjectModel", planes: Any, stain: Any, truth: Any) -> dict[str, Any]:
    """Return the results of one student on one image."""
    from frugalseg import find_cues, score_labels

    cues = None if stain is None else find_cues(planes, stain)
    row: dict[str, Any] = {}
    for way, labels, confidence, inverted in sights(model, planes, cues):
        row[way] = None if truth is None else round(score_labels(truth, labels).mAP, 4)
        row[f"{way}, confidence"] = round(float(np.mean(list(confidence.values()))), 3) if confidence else 0.0
        if way.startswith("default"):
            row[f"{way}, inverted"] = inverted
    return row


def print_times(model: "ObjectModel", data: Path) -> None:
    """Print what it costs to try the image inverted, and by adapted norms: medians of three, in turn."""
    import time
    from functools import partial

    from frugalseg.models import unseeded_objects
    from frugalseg.models.seen_image import SeenImage
    from frugalseg.models.surer_sight import surer_sight

    adapted, inverted = SeenImage.with_adapted_norms, SeenImage.with_inverted_contrast
    tried: dict[str, Any] = {"none": (), "adapted": (adapted,), "both": (inverted, adapted)}
    for name in ("hela_5", "mcf10a_s1", "3t3_1", "bmdm_u1"):
        planes = open_one(data, name, "phase_nuclear").planes(["phase"])
        seconds: dict[str, list[float]] = {way: [] for way in tried}
        for way, ways in 3 * list(tried.items()):
            unseeded_objects.surer_sight = partial(surer_sight, ways=ways)  # type: ignore[assignment]
            start = time.process_time()
            model.find_objects(planes)
            seconds[way].append(time.process_time() - start)
        medians = {way: float(np.median(values)) for way, values in seconds.items()}
        print(name, {way: round(value / medians["none"], 2) for way, value in medians.items()})


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print what was seen inverted, and the means."""
    for row in rows:
        contrast = "other contrast" if row["other"] else "as it is"
        ways = [way for way in ("alone", "nuclei") if row.get(f"default, {way}, inverted")]
        if ways:
            print(
                f"{row['kind']}, seed {row['seed']}: {row['image']}, {contrast}: seen inverted {' and with '.join(ways)}"
            )
    for kind in sorted({row["kind"] for row in rows}):
        for other in (False, True):
            here = [
                row for row in rows if row["kind"] == kind and row["other"] == other and not row["learned"]
            ]
            here = [row for row in here if row["image"] in LABEL_FREE]
            columns = [
                f"{how}, {way}" for way in ("alone", "nuclei") for how in ("as it is", "default", "inverted")
            ]
            means = ", ".join(f"{name} {np.mean([row[name] for row in here]):.3f}" for name in columns)
            print(f"{kind}, {'inverted' if other else 'as they are'}, {len(here)} times: {means}")


def main() -> None:
    """Score what is not in the file yet, and print the table."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--students", type=Path, required=True)
    options.add_argument("--kinds", default="HeLa,RAW,MCF10A")
    options.add_argument("--seeds", default="0,1,2")
    options.add_argument("--times", action="store_true")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    if given.times:
        first = given.kinds.split(",")[0], int(given.seeds.split(",")[0])
        print_times(student(given.students, given.data, *first), given.data)
        return
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            known = {
                (row["image"], row["other"])
                for row in read_lines(given.out)
                if (row["kind"], row["seed"]) == (kind, seed)
            }
            model = student(given.students, given.data, kind, seed)
            for name, other, planes, stain, truth in images_of(given.data):
                if (name, other) not in known:
                    about = {
                        "kind": kind,
                        "seed": seed,
                        "image": name,
                        "other": other,
                        "learned": name in LEARNED[kind],
                    }
                    append_lines(given.out, [about | row_of(model, planes, stain, truth)])
    print_table(read_lines(given.out))


if __name__ == "__main__":
    main()
