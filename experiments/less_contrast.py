"""Images and crops of which a student is not sure, seen with less contrast: where does it happen, and does it help?

    python experiments/less_contrast.py --out FILE.jsonl --students FOLDER [--kinds HeLa,MCF10A,RAW] [--seeds 0]

Students of one line of cells each, all in phase contrast (trained and kept in FOLDER, as by adapted_norms.py), find cells in labelled fields of four lines: in
the whole, and in three crops of 256 px and three of 400 px at random places, those with fewer than five true cells left out. Grey values of a crop are z-scored over
the crop, as if it were all there is. One line per student, field and size: mean cell mIoU and mAP without nuclei and with them, by default, without the step of less
contrast, and by other amounts of it; and how often the contrast was lowered, or the image seen inverted. Results of earlier calls are kept.

Printed: means over the fields that a student did not learn from, by size, and the largest gains and losses of the default.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from adapted_norms import LABEL_FREE, LEARNED, student
from real_fields import append_lines, parser, read_lines
from self_training import open_one

if TYPE_CHECKING:
    from frugalseg import ObjectModel

SIZES, CROPS, FEWEST = (256, 400), 3, 5
#: How images are seen: contrast of the step, if there is one.
SEEN = {"before": None, "default": 0.6, "0.7": 0.7, "0.5": 0.5}


def pieces(planes: Any, stain: Any, truth: Any) -> Iterator[tuple[str, Any, Any, Any]]:
    """Yield size, planes (C,y,x), nuclear stain and true cells of the whole and of crops."""
    yield "whole", planes, stain, truth
    random = np.random.default_rng(0)
    for size in SIZES:
        for _ in range(CROPS):
            y, x = (int(random.integers(0, side - size + 1)) for side in truth.shape)
            window = np.s_[..., y : y + size, x : x + size]
            cut = planes[window].copy(), stain[window].copy(), truth[window].copy()
            if len(np.unique(cut[2][cut[2] > 0])) >= FEWEST:
                yield f"{size} px", *cut


def found(model: "ObjectModel", planes: Any, cues: Any, less: float | None) -> Iterator[tuple[str, Any, Any]]:
    """Yield what a student finds without nuclei and with them: the way, labels, and the image as it was seen."""
    from frugalseg.models import seeded_cells, seen_image, surer_sight, unseeded_objects
    from frugalseg.models.marker_areas import marker_areas

    now, ways = seen_image.LESS, surer_sight.WAYS
    chosen = ways[1:] if less is None else ways

    def surer(image: Any, first: Any, find: Any) -> Any:
        return surer_sight.surer_sight(image, first, find, chosen)

    seen_image.LESS = now if less is None else less
    unseeded_objects.surer_sight = seeded_cells.surer_sight = surer  # type: ignore[assignment]
    try:
        about = model.card, model.network, model.settings, planes, "the image"
        alone = unseeded_objects.unseeded_objects(seen_image.see_image(*about))
        yield "alone", alone.labels, alone.seen
        around = seeded_cells.seeded_cells(seen_image.see_image(*about, cues=cues), marker_areas(cues))
        yield "nuclei", around.labels, around.seen
    finally:
        seen_image.LESS = now
        unseeded_objects.surer_sight = seeded_cells.surer_sight = surer_sight.surer_sight


def rows_of(model: "ObjectModel", planes: Any, stain: Any, truth: Any) -> dict[str, dict[str, Any]]:
    """Return the results of one student on one field, by size."""
    from frugalseg import find_cues, score_labels

    rows: dict[str, dict[str, Any]] = {}
    for size, part, nuclei, cells in pieces(planes, stain, truth):
        row = rows.setdefault(size, {"n": 0})
        row["n"] += 1
        cues = find_cues(part, nuclei)
        for how, less in SEEN.items():
            for way, labels, seen in found(model, part, cues, less):
                scores = score_labels(cells, labels)
                row.setdefault(f"{how}, {way}", []).append((scores.cell_miou, scores.mAP))
                for what, true in (("lower", abs(seen.contrast) < 1), ("inverted", seen.inverted)):
                    row[f"{how}, {way}, {what}"] = row.get(f"{how}, {way}, {what}", 0) + int(true)
    for row in rows.values():
        for key, values in row.items():
            if isinstance(values, list):
                row[key] = np.mean(values, axis=0).round(4).tolist()
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print means over the fields that were not learned from, and what changes most."""
    for kind in dict.fromkeys(row["kind"] for row in rows):
        for size in dict.fromkeys(row["size"] for row in rows):
            here = [row for row in rows if (row["kind"], row["size"], row["learned"]) == (kind, size, False)]
            for way in ("alone", "nuclei"):
                means = {
                    how: np.mean([row[f"{how}, {way}"] for row in here], axis=0).round(3) for how in SEEN
                }
                text = ", ".join(f"{how} {one[0]:.3f} / {one[1]:.3f}" for how, one in means.items())
                print(f"{kind}, {size}, {way}, {len(here)} fields: {text}")
    changes = sorted(
        (row[f"default, {way}"][1] - row[f"before, {way}"][1], row["kind"], row["field"], row["size"], way)
        for row in rows
        for way in ("alone", "nuclei")
    )
    for change in (*changes[:5], *changes[-5:]):
        print(change)


def main() -> None:
    """Score what is not in the file yet, and print the table."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--students", type=Path, required=True)
    options.add_argument("--kinds", default="HeLa,MCF10A,RAW")
    options.add_argument("--seeds", default="0")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            known = {(row["kind"], row["seed"], row["field"]) for row in read_lines(given.out)}
            model = student(given.students, given.data, kind, seed)
            for name in LABEL_FREE:
                if (kind, seed, name) in known:
                    continue
                one = open_one(given.data, name, "phase_nuclear")
                found_here = rows_of(
                    model, one.planes(["phase"]).astype(np.float32), one.plane("nuclear"), one.labels("cells")
                )
                about = {"kind": kind, "seed": seed, "field": name, "learned": name in LEARNED[kind]}
                append_lines(given.out, [about | {"size": size} | row for size, row in found_here.items()])
    print_table(read_lines(given.out))


if __name__ == "__main__":
    main()
