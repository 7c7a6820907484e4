"""Images of which a student is not sure, seen with adapted batch norms: where does it happen, and does it help?

    python experiments/adapted_norms.py --out FILE.jsonl --students FOLDER [--kinds synthetic,HeLa,RAW,MCF10A,Kc167,macrophage] [--seeds 0]

Students of HeLa (hela_1 to hela_4 and hela_u1), of RAW and of MCF10A find cells in fields of all label-free lines, students of Kc167
and of macrophages in fields of all fluorescent cells, and a student of synthetic cells in synthetic fields as they are, sparser, and with noise, blur, clouds, another contrast or darker cells. Students
are kept in FOLDER, and those that are there are used. One line per student and image: mAP without nuclei and with them, as the
network sees the image and as `predict` sees it by default; and of the first, mean confidence, and how many times as many cells as
in the images learned from have an unusually low one.

Printed: every image on which the two differ, and the means over all images that the student did not learn from.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from real_fields import FLUORESCENT, append_lines, parser, read_lines
from self_training import KINDS, open_one

if TYPE_CHECKING:
    from frugalseg import ImageCues, ObjectModel
    from frugalseg.models.seen_image import SeenImage

LEARNED = {kind: KINDS[kind][2] for kind in ("RAW", "MCF10A", *FLUORESCENT)} | {
    "HeLa": KINDS["HeLa unseen"][2]
}
LABEL_FREE = ("hela_1", "hela_5", "mcf10a_s1", "raw_1", "raw_3", "3t3_1", "3t3_2")
DENSITIES = (0.25, 0.6)

#: Name, cues, true cells, and whether the student learned from it.
Example = tuple[str, "ImageCues", Any, bool]


def place_of(kind: str) -> tuple[str, str]:
    """Return the folder of a kind, and its channel with whole cells."""
    return ("fluo_two_channel", "cyto") if kind in FLUORESCENT else ("phase_nuclear", "phase")


def real_examples(data: Path, kind: str) -> Iterator[Example]:
    """Yield fields of all lines that are imaged in the same way."""
    from frugalseg import find_cues

    folder, channel = place_of(kind)
    for name in chain(*FLUORESCENT.values()) if kind in FLUORESCENT else LABEL_FREE:
        one = open_one(data, name, folder)
        cues = find_cues(one.planes([channel]), one.plane("nuclear"), name=name)
        yield name, cues, one.labels("cells"), name in LEARNED[kind]


def synthetic_examples(seeds: tuple[int, ...]) -> Iterator[Example]:
    """Yield synthetic fields, each as it is and changed in ways that no student has seen."""
    from frugalseg import find_cues, make_cells

    for seed in seeds:
        for density in DENSITIES:
            cells = make_cells((320, 320), density=density, seed=seed, dim_nuclei=0.0)
            for change, image in changed(cells.phase.astype(np.float64), np.random.default_rng(seed)):
                name = f"{change}, density {density}, seed {seed}"
                yield name, find_cues(image.astype(np.float32), cells.nuclear), cells.cells, False


def changed(image: Any, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Yield an image (Y,X) and changed copies of it; noise and clouds are in its standard deviations."""
    from scipy.ndimage import gaussian_filter

    spread = image.std()
    yield "as it is", image
    yield "noise of 0.5", image + rng.normal(0, 0.5 * spread, image.shape)
    yield "noise of 1", image + rng.normal(0, spread, image.shape)
    yield "blur of 2 px", gaussian_filter(image, 2)
    clouds = gaussian_filter(rng.normal(0, 1, image.shape), 12)
    yield "clouds of 1", image + clouds / clouds.std() * spread
    yield "darker cells", image - 1.3 * gaussian_filter(image, 6)
    yield "contrast", ((image - image.min()) / (image.max() - image.min())) ** 3


def student(folder: Path, data: Path, kind: str, seed: int) -> "ObjectModel":
    """Load a student, or train and keep it."""
    import frugalseg as fs

    place = folder / f"{kind}_{seed}"
    if not place.exists():
        if kind == "synthetic":
            fields = [fs.make_cells((320, 320), seed=number) for number in (1, 2)]
            images, stains = [one.phase for one in fields], [one.nuclear for one in fields]
        else:
            home, channel = place_of(kind)
            learned = [open_one(data, name, home) for name in LEARNED[kind]]
            images, stains = ([one.plane(name) for one in learned] for name in (channel, "nuclear"))
        fs.self_train(images, stains, seed=seed, device="cpu").save(place)
    found = fs.load_model(place, "cpu")
    assert isinstance(found, fs.ObjectModel)
    return found


def scores_of(model: "ObjectModel", examples: Iterator[Example]) -> Iterator[dict[str, Any]]:
    """Score a student on each image that has true cells, as its network sees it, and as `predict` does."""
    from frugalseg import score_labels
    from frugalseg.models.field_doubts import UNUSUAL
    from frugalseg.models.seen_image import see_image
    from frugalseg.models.unseeded_objects import unseeded_objects

    usual = model.card.usual_confidence
    for name, cues, truth, learned in examples:
        row: dict[str, Any] = {"image": name, "learned": learned}
        for way, confidence in (("as it is", None), ("default", usual)):
            model.card = model.card.model_copy(update={"usual_confidence": confidence})
            seen: SeenImage = see_image(
                model.card, model.network, model.settings, cues.planes, name, cues=cues
            )
            alone, around = unseeded_objects(seen), model.segment(cues)
            row[way] = [round(score_labels(truth, one.labels).mAP, 4) for one in (alone, around)]
            sure = [np.array(list((one.confidence or {}).values())) for one in (alone, around)]
            row[f"{way}, confidence"] = [round(float(one.mean()), 3) for one in sure]
            row[f"{way}, unusual"] = [round(float((one < usual).mean()) / UNUSUAL, 2) for one in sure]
        yield row


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print where adapted norms are used, and the means."""
    for kind in sorted({row["kind"] for row in rows}):
        here = [row for row in rows if row["kind"] == kind]
        for row in here:
            if row["as it is"] != row["default"]:
                print(f"{kind}, seed {row['seed']}: {row['image']}: {row['as it is']} -> {row['default']}")
        unseen = [row for row in here if not row["learned"]]
        means = [np.mean([row[way] for row in unseen], axis=0).round(3) for way in ("as it is", "default")]
        print(f"{kind}, mAP without nuclei and with them, {len(unseen)} times: {means[0]} -> {means[1]}")


def main() -> None:
    """Score what is not in the file yet, and print the table."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--students", type=Path, required=True)
    options.add_argument("--kinds", default="synthetic,HeLa,RAW,MCF10A,Kc167,macrophage")
    options.add_argument("--seeds", default="0")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            known = {(row["kind"], row["seed"]) for row in read_lines(given.out)}
            if (kind, seed) in known:
                continue
            model = student(given.students, given.data, kind, seed)
            real = kind != "synthetic"
            examples = real_examples(given.data, kind) if real else synthetic_examples((11, 12))
            append_lines(
                given.out, [{"kind": kind, "seed": seed, **row} for row in scores_of(model, examples)]
            )
    print_table(read_lines(given.out))


if __name__ == "__main__":
    main()
