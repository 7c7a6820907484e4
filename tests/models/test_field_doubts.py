"""A field is named where it looks unlike what was learned from, and where the model is less sure than it used to be."""

from typing import Any

import numpy as np
import pytest

from frugalseg.images.normalize import zscore
from frugalseg.models.field_doubts import distance_from_learned, field_doubts, usual_confidence
from frugalseg.models.looks import image_look
from frugalseg.networks.cards import ObjectCard
from frugalseg.synthetic.cells import make_cells

PHASE = zscore(make_cells((200, 200), n_cells=30, seed=1).phase[None].astype(np.float32))


def card(**known: Any) -> ObjectCard:
    return ObjectCard.model_construct(kind="cells", looks=(), usual_confidence=None, **{}).model_copy(
        update=known
    )


def test_the_distance_is_measured_as_the_network_sees_the_image() -> None:
    known = card(looks=(image_look(PHASE),))
    enlarged = np.repeat(np.repeat(PHASE, 3, axis=1), 3, axis=2)
    assert distance_from_learned(known, PHASE, 1.0) == 0
    assert distance_from_learned(known, enlarged, 1 / 3) == 0
    assert distance_from_learned(known, -PHASE, 1.0) > 1  # type: ignore[operator]
    assert distance_from_learned(card(), PHASE, 1.0) is None


@pytest.mark.parametrize(
    ("distance", "confidence", "begin"),
    [
        (1.01, [0.9, 0.9], ["This field looks unlike every field"]),
        (1.0, [0.8, 0.79, 0.9], []),
        (0.2, [0.79, 0.79, 0.9], ["The model is less sure of most cells"]),
        (2.0, [0.1], ["This field looks unlike every field", "The model is less sure of most cells"]),
        (None, [], []),
    ],
)
def test_both_doubts_have_a_sentence_of_their_own(
    distance: float | None, confidence: list[float], begin: list[str]
) -> None:
    found = field_doubts(card(usual_confidence=0.8, self_trained=True), distance, confidence)
    assert [one[: len(start)] for one, start in zip(found, begin, strict=True)] == begin


def test_nothing_is_said_of_a_model_that_does_not_know() -> None:
    assert field_doubts(card(), None, [0.1, 0.2]) == ()
    assert field_doubts(card(usual_confidence=0.8), None, [0.1, 0.2]) == ()  # of a few outlined cells


def test_nine_in_ten_cells_exceed_the_usual_confidence() -> None:
    assert usual_confidence([at / 100 for at in range(101)]) == 0.1
    assert usual_confidence([]) is None
