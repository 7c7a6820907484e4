"""Settings that say the same thing twice are refused, instead of one of them being passed over in silence."""

from typing import Any

import pytest

from frugalseg.errors import SettingsError
from frugalseg.workflows.cue_settings import CueSettings
from frugalseg.workflows.segment import SegmentSettings


@pytest.mark.parametrize("kind", [CueSettings, SegmentSettings])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"markers": "dots", "nuclei": "dapi"},
            "give one of --nuclei CH, --nuclei-from MODEL and --markers CH",
        ),
        ({"markers": "dots", "nuclei_from": "model"}, "give one of --nuclei CH"),
        ({"mask": "own", "foreground": "texture"}, "--mask own is the foreground itself"),
        (
            {"mask": "own", "foreground": "scribbles", "scribbles": "few"},
            "--mask own is the foreground itself",
        ),
        ({"scribbles": "few", "foreground": "intensity"}, "intensity has no use for --scribbles few"),
    ],
)
def test_what_would_be_passed_over_is_refused(kind: Any, given: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        kind(cells=("phase",), **given)


def test_what_fits_together_is_taken() -> None:
    both = CueSettings(cells=("phase",), nuclei="dapi", nuclei_from="model", mask="own")
    assert (both.nuclei, both.foreground) == ("dapi", "auto")
    strokes = CueSettings(cells=("phase",), markers="dots", scribbles="few", foreground="scribbles")
    assert strokes.markers_from() == {"nuclei": None, "nuclei_from": None}
    assert CueSettings(cells=("phase",), nuclei="dapi").markers_from() == {
        "nuclei": "dapi",
        "nuclei_from": None,
    }
