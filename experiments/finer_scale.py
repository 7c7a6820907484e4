"""Cells at several scales: which scale is best, and does the area that is called cell tell?

    python experiments/finer_scale.py --out FILE.jsonl [--kinds HeLa,RAW] [--seeds 0] [--factors 0.8,1,1.28] [--data FOLDER]

A student of each kind, see `self_training.KINDS`, finds the cells of its own fields, and that of HeLa also those of other
lines, with the network's scale multiplied by each factor. One line per field and factor, with nuclei and without: cell mIoU
and mAP, the area that the network calls cell, and how well the orientations agree: with nuclei the mean confidence of the cells, without them
the agreement on cells that grow from the cores of those found at factor 1. Students are not trained again where the file has them.

Printed: per kind, with nuclei and without, the mean over fields and seeds of cell mIoU, mAP and agreement at each factor, and the area
there relative to factor 1, all fields of a seed together.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from real_fields import append_lines, parser, read_lines
from self_training import KINDS, open_one

if TYPE_CHECKING:
    from frugalseg import ImageCues, ObjectModel


def score_scales(data: Path, kind: str, seed: int, factors: list[float]) -> Iterator[dict[str, Any]]:
    """Train one student, and score it on every labelled field of the kind at every scale."""
    from frugalseg import find_cues, score_labels
    from frugalseg.models.model_scale import model_planes
    from frugalseg.models.self_training import self_train_on_cues

    folder, channel, learned, unseen = KINDS[kind]
    fields = {name: open_one(data, name, folder) for name in (*learned, *unseen)}
    cues = {
        name: find_cues(one.planes([channel]), one.plane("nuclear"), name=name)
        for name, one in fields.items()
    }
    model = self_train_on_cues([cues[name] for name in learned], seed=seed, device="cpu")
    for name, field in fields.items():
        if not field.has("cells"):
            continue
        planes = model_planes(model.card, cues[name].planes, name)
        scale = model.image_scale(planes, cues=cues[name]).scale
        truth = field.labels("cells")
        for factor, nuclei, labels, area, agree in cells_at_scales(model, planes, cues[name], scale, factors):
            scores = score_labels(truth, labels)
            row = {"kind": kind, "seed": seed, "field": name, "learned": name in learned, "factor": factor}
            row |= {"nuclei": nuclei, "scores": [round(scores.cell_miou, 4), round(scores.mAP, 4)]}
            yield row | {"area": round(area), "agreement": round(agree, 4)}


def cells_at_scales(
    model: "ObjectModel", planes: Any, cues: "ImageCues", scale: float, factors: list[float]
) -> Iterator[tuple[float, bool, Any, float, float]]:
    """Find the cells at each factor: the factor, whether with nuclei, labels, area called cell, and agreement."""
    from frugalseg.images.resize import resize_planes
    from frugalseg.instances.map_labels import labels_from_maps
    from frugalseg.models.marker_areas import marker_areas
    from frugalseg.models.object_scale import ImageScale
    from frugalseg.models.seeded_cells import cells_at
    from frugalseg.models.seen_image import SeenImage
    from frugalseg.models.surer_sight import mean_confidence
    from frugalseg.models.unseeded_objects import FINER_ORIENTATIONS, cell_cores, core_agreement, grown_cells
    from frugalseg.prediction.whole_image import mean_maps

    diameter, h = model.card.diameter_at(scale), model.settings.h
    found, nuclei = {}, marker_areas(cues)
    for factor in factors:
        at = ImageScale(scale * factor)
        found[factor] = cells_at(SeenImage(model.network, model.settings, planes, at, diameter), nuclei)
    maps = resize_planes(mean_maps(found[1.0].maps), cues.shape)
    alone = labels_from_maps(maps, "cells", h, diameter)
    cores = cell_cores(alone, maps[0])
    for factor, one in found.items():
        yield factor, True, one.labels, one.area, mean_confidence(one.confidence)
        few = one.maps[:FINER_ORIENTATIONS]
        labels = alone if factor == 1 else grown_cells(resize_planes(mean_maps(few), cues.shape), cores)
        yield factor, False, labels, one.area, core_agreement(few, cores)


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print means per kind at each factor, and the area relative to factor 1."""
    groups = sorted({(row["kind"], row["learned"], row["nuclei"]) for row in rows}, reverse=True)
    for group in groups:
        kind, learned, nuclei = group
        own = [row for row in rows if (row["kind"], row["learned"], row["nuclei"]) == group]
        where, what = "learned from" if learned else "unseen", "with nuclei" if nuclei else "alone"
        print(f"{kind}, {where}, {what}:")
        for factor in sorted({row["factor"] for row in own}):
            there = [row for row in own if row["factor"] == factor]
            areas = [
                total_area(own, seed, factor) / total_area(own, seed, 1.0)
                for seed in sorted({row["seed"] for row in own})
            ]
            agreement = np.mean([row["agreement"] for row in there])
            area = ", ".join(f"{one:.3f}" for one in areas)
            print(f"  x {factor}: {mean_scores(there)}, agreement {agreement:.3f}, area {area}")


def total_area(rows: list[dict[str, Any]], seed: int, factor: float) -> float:
    """Return the area called cell in all fields of a seed at a factor, px."""
    return float(sum(row["area"] for row in rows if (row["seed"], row["factor"]) == (seed, factor)))


def mean_scores(rows: list[dict[str, Any]]) -> str:
    """Return the mean cell mIoU and mAP of rows as text."""
    return " / ".join(f"{value:.3f}" for value in np.mean([row["scores"] for row in rows], axis=0))


def main() -> None:
    """Do what is not in the file yet, and print the tables."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--kinds", default="HeLa unseen,RAW,MCF10A,3T3,Kc167,macrophage")
    options.add_argument("--seeds", default="0")
    options.add_argument("--factors", default="0.8,1,1.28")
    given = options.parse_args()
    import torch

    torch.set_num_threads(1)
    factors = [float(one) for one in given.factors.split(",")]
    if 1.0 not in factors:
        options.error("--factors must hold 1, the scale of training")
    for seed in map(int, given.seeds.split(",")):
        for kind in given.kinds.split(","):
            if (kind, seed) not in {(row["kind"], row["seed"]) for row in read_lines(given.out)}:
                append_lines(given.out, score_scales(given.data, kind, seed, factors))
    print_table(read_lines(given.out))


if __name__ == "__main__":
    main()
