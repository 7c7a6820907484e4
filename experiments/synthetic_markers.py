"""Cells of hela_5 from markers in a predicted nuclear stain, against those from the real one (paper B).

    python experiments/synthetic_markers.py --out FOLDER [--data FOLDER] [--workers 2] [--seeds 0 1 2]

The stain model (600 steps of 4 crops of 128 px, half scale) learns from two fields, another pair of hela_1 to hela_4 per
seed. Then `segment` with its defaults runs on hela_5 twice: with markers of the prediction and with those of the real
stain. The latter are the runs of `segment_real_fields.py`, taken from the same FOLDER where they are there.
"""

from pathlib import Path
from typing import Any

from paper_a_runs import HELA, STAIN_STEPS, arguments, in_parallel, kept, mean_text, options_for, stain_model
from segment_real_fields import Run, execute

FIELD = "hela_5"


def run(out: Path, data: Path, synthetic: bool, seed: int, factor: float) -> dict[str, Any]:
    """Segment the field once."""
    name = f"markers_{'synthetic' if synthetic else 'real'}_{seed}"

    def compute() -> dict[str, Any]:
        if not synthetic:
            record: Any = execute(Run(FIELD, "phase", seed), data, out)["record"]
            return {"synthetic": False, "seed": seed, "scores": record["scores"]}
        from frugalseg.commands.command_settings import SegmentSettings
        from frugalseg.commands.segment_cells import segment_cells

        table = data / "phase_nuclear" / "fields.csv"
        pair = [HELA[seed % 4], HELA[(seed + 1) % 4]]
        steps = round(STAIN_STEPS * factor)
        model = stain_model(out / f"stain_pair_{seed}", table, pair, "phase", "nuclear", 0.5, seed, steps)
        settings = SegmentSettings(
            cells=("phase",), nuclei="nuclear", nuclei_from=str(model), truth="cells", seed=seed
        )
        result = segment_cells([table], out / name, settings, options_for([FIELD], resume=True))
        record = result.to_dict()["fields"][FIELD]
        return {
            "synthetic": True,
            "seed": seed,
            "pair": pair,
            "scores": record["scores"],
            "markers": record["synthetic_markers"],
        }

    return kept(out / f"{name}.json", compute)


def main() -> None:
    """Run everything, then print the table."""
    given = arguments(__doc__)
    jobs = [
        (given.out, given.data, synthetic, seed, given.steps_factor)
        for synthetic in (True, False)
        for seed in given.seeds
    ]
    found = in_parallel(run, jobs, given.workers)
    print(
        "| markers | cell mIoU | mAP | cells without marker | markers without cell |\n|---|---|---|---|---|"
    )
    keys = ("cell_miou", "mAP", "marker_false_negatives", "marker_false_positives")
    for synthetic in (True, False):
        runs = [one["scores"] for one in found if one["synthetic"] == synthetic]
        texts = [mean_text([one[key] for one in runs]) for key in keys]
        print(f"| {'of the predicted stain' if synthetic else 'real'} | {' | '.join(texts)} |")
    print(
        "\n| learned from | markers of the real stain | of the prediction | missed | invented |\n|---|---|---|---|---|"
    )
    for one in (one for one in found if one["synthetic"]):
        m = one["markers"]
        print(
            f"| {' and '.join(one['pair'])} | {m['n_real']} | {m['n_found']} | {m['missed_share']:.1%} | {m['invented_share']:.1%} |"
        )


if __name__ == "__main__":
    main()
