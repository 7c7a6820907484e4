"""How wide a patch should be when a trained marker network is used: train once per field, segment with several margins.

    python experiments/patch_in_use.py --out FILE.jsonl --fields kc167_096 hela_2 [--margins 0 8 16 32] [--data FOLDER] [--seed 0]

One line of JSON per field and margin is appended to the file, fields that are in it are not done again; the table is
printed. One process of one thread, 2 to 6 minutes per field.
"""

import argparse
import json
import os
from pathlib import Path

from cutter_variants import folder_of


def execute(field: str, margins: list[int], seed: int, data: Path) -> list[dict[str, object]]:
    """Train on one field, segment it with each margin, score."""
    import torch

    from frugalseg.evaluation.scores import score_labels
    from frugalseg.images.fields import open_fields
    from frugalseg.learning.from_markers.marker_settings import MarkerSettings
    from frugalseg.learning.from_markers.marker_training import learn_from_markers
    from frugalseg.models.image_cues import find_cues
    from frugalseg.models.marker_samples import marker_sample, segment_sample

    torch.set_num_threads(1)
    folder, channel = folder_of(field)
    table = open_fields([data / folder / "fields.csv"], where=[f"field={field}"])
    cues = find_cues(table[0].plane(channel), table[0].plane("nuclear"), name=field)
    sample, truth = marker_sample(cues), table[0].labels("cells")
    settings = MarkerSettings.preset("default", label_free=sample.label_free)
    network, _ = learn_from_markers([sample], settings, seed=seed, device="cpu")
    found = []
    for margin in margins:
        wider = settings.model_copy(update={"margin": margin})
        labels = segment_sample(network, cues, sample, wider, "cpu")
        scores = score_labels(truth, labels)
        values = {name: round(getattr(scores, name), 4) for name in ("cell_miou", "mAP", "foreground_iou")}
        found.append({"field": field, "seed": seed, "margin": margin, **values})
    return found


def main() -> None:
    """Run what is missing, then print everything in the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = Path(__file__).resolve().parent.parent
    data = os.environ.get("FRUGALSEG_DATA", str(root.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=Path(data))
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--fields", nargs="+", required=True)
    parser.add_argument("--margins", type=int, nargs="+", default=[0, 8, 16, 32])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    lines = given.out.read_text(encoding="utf-8").splitlines() if given.out.exists() else []
    done = [json.loads(line) for line in lines]
    for field in given.fields:
        if any((one["field"], one["seed"]) == (field, given.seed) for one in done):
            continue
        found = execute(field, given.margins, given.seed, given.data)
        done += found
        with given.out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(one) + "\n" for one in found)
    for one in done:
        print(f"{one['field']}, margin {one['margin']}: {one['cell_miou']:.3f} / {one['mAP']:.3f}")


if __name__ == "__main__":
    main()
