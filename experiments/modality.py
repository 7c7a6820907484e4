"""Is fluorescence told from images without a stain, also with noise, another gamma, saturation, or inverted?

    python experiments/modality.py --out FILE.jsonl

Every channel with whole cells of all fields that have a nuclear stain, as it is and changed in eight ways, and those without a stain inverted, too (a microscope with the
other phase ring). Cells are taken for twice as wide as nuclei. One line per channel and change: the modality with nuclei known and without, and how often a pixel near
a nucleus is brighter than one far from all. Results of earlier calls are kept.

Printed: how many are wrong each way by change, and the extremes of the last number.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from real_fields import append_lines, parser, read_lines

#: Folder, its channels with whole cells, and what they are.
SETS = (
    ("phase_nuclear", "phase", "label-free"),
    ("phase_fluo_raw", "phase", "label-free"),
    ("brightfield_nuclear", "brightfield", "label-free"),
    ("phase_fluo_raw", "cyto", "fluorescent"),
    ("fluo_two_channel", "cyto", "fluorescent"),
    ("cellprofiler_human", "cyto", "fluorescent"),
)
#: Larger fields are cut to this many px.
SIDE = 1000


def gamma(plane: Any, power: float) -> Any:
    """Return grey values of 0..255 as a display would show them."""
    return 255 * ((plane - plane.min()) / np.ptp(plane)) ** power


def changes(inverted: bool) -> dict[str, Callable[[Any], Any]]:
    """Return what is done to a plane."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    found: dict[str, Callable[[Any], Any]] = {
        "as it is": lambda plane: plane,
        "noise of 0.3": lambda plane: plane + random.normal(0, 0.3 * plane.std(), plane.shape),
        "noise of 0.6": lambda plane: plane + random.normal(0, 0.6 * plane.std(), plane.shape),
        "slope of 3": lambda plane: plane + np.linspace(0, 3 * plane.std(), plane.shape[1]),
        "gamma of 0.5": lambda plane: gamma(plane, 0.5),
        "gamma of 2": lambda plane: gamma(plane, 2),
        "blur of 2 px": lambda plane: gaussian_filter(plane, 2),
        "saturated": lambda plane: np.minimum(plane, np.percentile(plane, 95)),
        "offset of 3": lambda plane: plane + 3 * plane.std(),
    }
    if inverted:
        turned = {
            f"inverted, {name}": lambda plane, change=change: change(plane.max() - plane + 1)
            for name, change in found.items()
            if name in ("as it is", "gamma of 0.5", "gamma of 2", "saturated")
        }
        found |= turned
    return found


def rows_of(data: Path, folder: str, channel: str, kind: str, known: set[Any]) -> Iterator[dict[str, Any]]:
    """Yield the results of one channel of all fields of a folder."""
    from frugalseg import find_markers, open_fields
    from frugalseg.cues.modality import brighter_near, detect_modality
    from frugalseg.cues.scaled_plane import TARGET_DIAMETER
    from frugalseg.images.light import even_light
    from frugalseg.images.resize import resize_planes, scaled_shape
    from frugalseg.images.seeds import resize_seeds

    for field in open_fields([data / folder / "fields.csv"]):
        if (field.name, channel) in known or not (field.has(channel) and field.has("nuclear")):
            continue
        window = np.s_[:SIDE, :SIDE]
        plane, stain = (field.plane(name)[window] for name in (channel, "nuclear"))
        markers = find_markers(stain)
        shape = (int(plane.shape[0]), int(plane.shape[1]))
        small = scaled_shape(shape, TARGET_DIAMETER / (2 * markers.diameter))
        nuclei = resize_seeds(markers.nuclei, markers.points, shape, small)
        for name, change in changes(kind == "label-free").items():
            changed = change(plane.astype(np.float64)).astype(np.float32)
            seen = resize_planes(changed[None], small)[0]
            yield {
                "set": folder,
                "field": field.name,
                "channel": channel,
                "kind": kind,
                "change": name,
                "with nuclei": detect_modality(seen, TARGET_DIAMETER, nuclei),
                "without": detect_modality(seen, TARGET_DIAMETER),
                "brighter": round(
                    brighter_near(even_light(seen, TARGET_DIAMETER), nuclei, TARGET_DIAMETER), 3
                ),
            }


def main() -> None:
    """Measure what is not in the file yet, and print the table."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, required=True)
    given = options.parse_args()
    known = {(row["field"], row["channel"]) for row in read_lines(given.out)}
    for folder, channel, kind in SETS:
        append_lines(given.out, rows_of(given.data, folder, channel, kind, known))
    rows = read_lines(given.out)
    for kind in ("fluorescent", "label-free"):
        for change in dict.fromkeys(row["change"] for row in rows if row["kind"] == kind):
            here = [row for row in rows if (row["kind"], row["change"]) == (kind, change)]
            wrong = [sum(row[how] != kind for row in here) for how in ("without", "with nuclei")]
            brighter = [row["brighter"] for row in here]
            print(
                f"{kind}, {change}: wrong {wrong[0]} -> {wrong[1]} of {len(here)}; {min(brighter)} to {max(brighter)}"
            )


if __name__ == "__main__":
    main()
