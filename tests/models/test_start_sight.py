"""How a self-trained start sees labelled images: inverted where it is surer of them so."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.square_cells import Contrasting, field, student_of

from frugalseg.images.normalize import zscore
from frugalseg.models import start_sight
from frugalseg.models.start_sight import StartSight, meet_images, with_usual_confidence

BRIGHT = zscore((field() > 0).astype(np.float32)[None])


def met(*images: Any, **changed: Any) -> tuple[StartSight, list[Any]]:
    """How a student of bright cells sees images, and which channels of its network were inverted."""
    student, asked = student_of(Contrasting(), **changed), list[Any]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start_sight, "CellNetwork", torch.nn.Module)
        patch.setattr(start_sight, "invert_input", lambda _, channels: asked.append(channels))
        return meet_images(student.network, student.card, images, "cells", None), asked


@pytest.mark.parametrize(
    ("signs", "inverted"), [((1,), False), ((-1,), True), ((1, -1), False), ((1, -1, -1), True)]
)
def test_most_images_decide(signs: tuple[int, ...], inverted: bool) -> None:
    sight, asked = met(*(sign * BRIGHT for sign in signs))
    assert sight == StartSight(sight.scale, inverted)
    assert sight.scale is not None
    assert asked == ([[True]] if inverted else [])


def test_models_that_are_not_self_trained_keep_the_scale_of_the_labels() -> None:
    assert met(BRIGHT, self_trained=False) == (StartSight(None, False), [])
    assert met(-BRIGHT, self_trained=False) == (StartSight(None, True), [[True]])
    assert met(-BRIGHT, usual=None)[0].inverted is False
    other = student_of(Contrasting())
    assert meet_images(other.network, other.card, [-BRIGHT], "nuclei", None) == StartSight()
    assert meet_images(other.network, None, [-BRIGHT], "cells", None) == StartSight()


def test_a_card_says_how_sure_its_network_is_of_what_it_learned_from() -> None:
    model = student_of(Contrasting(), usual=None)
    images = [SimpleNamespace(planes=sign * BRIGHT) for sign in (1, 1, -1)]
    surest, less = (
        with_usual_confidence(model.card, model.network, model.settings, SimpleNamespace(images=some))  # type: ignore[arg-type]
        for some in (images[:2], images)
    )
    assert surest.usual_confidence == 1.0
    assert less.usual_confidence is not None
    assert less.usual_confidence < 0.9
    # of one orientation, and of nuclei, nothing is known
    once = model.settings.model_copy(update={"orientations": 1})
    nuclei = model.settings.model_copy(update={"target": "nuclei"})
    for settings in (once, nuclei):
        other = with_usual_confidence(model.card, model.network, settings, SimpleNamespace(images=images))  # type: ignore[arg-type]
        assert other.usual_confidence is None


def test_images_too_large_for_one_piece_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_sight, "LARGEST_AT_MODEL_SCALE", BRIGHT.size - 1)
    monkeypatch.setattr(start_sight, "objects_at", None)
    assert not met(-BRIGHT)[0].inverted
    model = student_of(Contrasting())
    known = with_usual_confidence(
        model.card,
        model.network,
        model.settings,
        SimpleNamespace(images=[SimpleNamespace(planes=BRIGHT)]),  # type: ignore[arg-type]
    )
    assert known.usual_confidence is None


def test_the_scale_is_that_of_images_seen_as_most_are(monkeypatch: pytest.MonkeyPatch) -> None:
    scales = iter((0.5, 0.7, 0.9))
    seen = lambda *_: SimpleNamespace(  # noqa: E731
        inverted=(scale := next(scales)) > 0.6, at=SimpleNamespace(scale=scale)
    )
    monkeypatch.setattr(start_sight, "see_planes", lambda *_: None)
    monkeypatch.setattr(start_sight, "best_contrast", seen)
    assert met(BRIGHT, BRIGHT, BRIGHT)[0] == StartSight(pytest.approx(0.8), True)
