"""The preset `paper` has the paper's numbers, and settings that can't work are refused."""

import pytest
from pydantic import ValidationError

from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.learning.from_markers.marker_training import new_marker_network
from frugalseg.networks.marker_net import PAPER_WIDTHS

PAPER = {
    "patch": 64,
    "sigma": 15.0,
    "regularization": None,
    "widths": PAPER_WIDTHS,
    "stride": 1,
    "prior": False,
    "overlap": 1.0,
    "background": 15.0,
    "boundary": 0.0,
    "nuclei": 0.0,
    "area": 640,
    "center_jitter": 0.0,
    "intensity_jitter": 0.0,
    "schedule": "constant",
    "max_steps": 1600,
    "steps_per_marker": None,
    "orientations": 1,
    "margin": 0,
    "assign_remaining": False,
    "trim_halo": False,
    "keep_nuclei": False,
}


def test_the_preset_has_the_papers_numbers() -> None:
    settings = MarkerSettings.preset("paper").model_dump()
    assert {key: settings[key] for key in PAPER} == PAPER
    # Nothing else shapes the result: a batch is an area, and the paper gives no rate.
    known = {*PAPER, "batch", "learning_rate"}
    added = set(settings) - known
    assert not added, f"say what the paper does about {added}, here and in the preset"


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_papers_network_has_about_4_9_million_weights(channels: int) -> None:
    cutter = new_marker_network(channels, MarkerSettings.preset("paper"))
    assert cutter.encoder[0].first.in_channels == channels + 1
    assert sum(p.numel() for p in cutter.parameters()) == pytest.approx(4.9e6, rel=0.025)


def test_networks_have_as_many_weights_as_documented() -> None:
    both = (new_marker_network(1, MarkerSettings.preset(name)) for name in ("default", "paper"))
    assert [sum(p.numel() for p in cutter.parameters()) for cutter in both] == [241_956, 4_899_169]


def test_the_default_is_eq_1_and_patches_of_the_paper_too() -> None:
    default = MarkerSettings()
    assert default == MarkerSettings.preset("default")
    assert (default.overlap, default.background) == (1.0, 15.0)


def test_fluorescence_changes_the_default_and_not_the_paper() -> None:
    found = MarkerSettings.preset("default", label_free=False)
    assert (found.boundary, found.center_jitter, found.intensity_jitter) == (0.5, 3.0, 0.3)
    assert (
        found.model_copy(update={"boundary": 2.0, "center_jitter": 2.0, "intensity_jitter": 0.2})
        == MarkerSettings()
    )
    assert MarkerSettings.preset("paper", label_free=False) == MarkerSettings.preset("paper")


@pytest.mark.parametrize("name", ["default", "paper"])
def test_another_bound_of_steps_changes_nothing_else(name: str) -> None:
    usual, short = MarkerSettings.preset(name), MarkerSettings.preset(name, max_steps=7)
    assert short.max_steps == 7
    assert short.model_dump(exclude={"max_steps"}) == usual.model_dump(exclude={"max_steps"})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"patch": 60, "widths": (4, 4, 4), "stride": 2}, "multiple of 8"),
        ({"patch": 60, "widths": PAPER_WIDTHS, "stride": 1}, "multiple of 16"),
        ({"patch": 8}, "greater than or equal to 16"),
        ({"margin": 5}, "2 margin must be a multiple of 16"),
        ({"margin": -8}, "greater than or equal to 0"),
        ({"regularization": 0.0}, "greater than 0"),
        ({"stride": 3}, "1 or 2"),
        ({"orientations": 4}, "1 or 8"),
        ({"sigma": 0.0}, "greater than 0"),
        ({"background": -1.0}, "greater than or equal to 0"),
        ({"batches": 3}, "not permitted"),
        ({"schedule": "cosine"}, "'constant' or 'decay'"),
    ],
    ids=str,
)
def test_settings_that_can_not_work_are_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        MarkerSettings.model_validate(values)
