"""Axes of a file, named or guessed."""

import pytest

from frugalseg.errors import WrongShape
from frugalseg.images.axes import channel_names, plan_axes


@pytest.mark.parametrize(
    ("axes", "shape", "rgb", "order", "czyx"),
    [
        ("YX", (30, 40), False, (None, None, 0, 1), (1, 1, 30, 40)),
        ("CYX", (3, 30, 40), False, (0, None, 1, 2), (3, 1, 30, 40)),
        ("ZCYX", (5, 2, 30, 40), False, (1, 0, 2, 3), (2, 5, 30, 40)),
        ("TCZYX", (1, 2, 5, 30, 40), False, (1, 2, 3, 4), (2, 5, 30, 40)),
        ("ZYX", (5, 30, 40), False, (None, 0, 1, 2), (1, 5, 30, 40)),
        # Unnamed axes: few are channels, many are focal planes.
        ("QYX", (6, 30, 40), False, (0, None, 1, 2), (6, 1, 30, 40)),
        ("QYX", (7, 30, 40), False, (None, 0, 1, 2), (1, 7, 30, 40)),
        ("QQYX", (2, 5, 30, 40), False, (0, 1, 2, 3), (2, 5, 30, 40)),
        ("QYX", (30, 40, 2), False, (2, None, 0, 1), (2, 1, 30, 40)),
        # Samples: colours of a pixel, or planes one after the other.
        ("YXS", (30, 40, 3), True, (2, None, 0, 1), (3, 1, 30, 40)),
        ("YXS", (30, 40, 4), True, (2, None, 0, 1), (3, 1, 30, 40)),
        ("YXS", (30, 40, 4), False, (2, None, 0, 1), (4, 1, 30, 40)),
        ("SYX", (3, 30, 40), True, (0, None, 1, 2), (3, 1, 30, 40)),
        ("QYXS", (5, 30, 40, 3), True, (3, 0, 1, 2), (3, 5, 30, 40)),
        ("QSYX", (2, 3, 30, 40), True, (1, 0, 2, 3), (3, 2, 30, 40)),
    ],
)
def test_axes_are_found(
    axes: str,
    shape: tuple[int, ...],
    rgb: bool,
    order: tuple[int | None, ...],
    czyx: tuple[int, ...],
) -> None:
    plan = plan_axes(axes, shape, "a.tif", rgb)
    assert plan.order == order
    assert plan.czyx == czyx


@pytest.mark.parametrize(
    ("axes", "shape", "word"),
    [
        ("TYX", (9, 30, 40), "9 time points"),
        ("PYX", (9, 30, 40), "9 positions"),
        ("QQQYX", (2, 2, 2, 30, 40), "can't be understood"),
        ("X", (40,), "not an image"),
        ("CYXS", (2, 30, 40, 3), "colour samples and channels"),
    ],
)
def test_axes_without_a_meaning_are_refused(axes: str, shape: tuple[int, ...], word: str) -> None:
    with pytest.raises(WrongShape, match=word) as caught:
        plan_axes(axes, shape, "a.tif")
    assert "a.tif" in str(caught.value)


def test_names_must_be_as_many_as_channels() -> None:
    assert channel_names(2, [" DAPI ", "phase"], False) == ("DAPI", "phase")
    assert channel_names(2, ["DAPI"], False) == ("0", "1")
    assert channel_names(2, ["DAPI", ""], False) == ("DAPI", "1")
    assert channel_names(3, [], True) == ("red", "green", "blue")
