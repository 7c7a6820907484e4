"""The part of a design about markers: a mistake is found when it is read, not after hours of work."""

from typing import Any

import pytest

from frugalseg.errors import SettingsError
from frugalseg.studies.design.study_design import MarkerTask, StudyDesign

PREDICTED = {"kind": "stain", "stain": "dapi", "inputs": "phase"}


def _design(task: dict[str, Any] | None = None, **arm: Any) -> StudyDesign:
    arms = {"one": {"inputs": "phase", "nuclei": "dapi", **arm}}
    tasks = {"t": {"kind": "markers", "data": ["x"], "labels": "cells", "arms": arms, **(task or {})}}
    return StudyDesign.parse({"title": "a study", "tasks": tasks}, "study.yaml")


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"settings": {"round": 2}}, "there is no setting `round`; allowed are diameter, encoder, .* rounds, weights"),
        ({"settings": {"preset": "paper"}}, "there is no setting `preset`"),
        ({"method": "network", "settings": {"preset": "papers"}}, "`preset`: Input should be 'default' or 'paper'"),
        ({"method": "network", "settings": {"rounds": 2}}, "there is no setting `rounds`"),
        ({"method": "propagation", "settings": {"max_steps": 9}}, "no setting `max_steps`; allowed are diameter, foreground"),
        ({"settings": {"seed": 1}}, "`seed` is no setting here; use `seeds` of the task"),
        ({"teacher_settings": {"max_steps": 9}}, "set `teacher` to 'network' too"),
        ({"teacher": "network", "teacher_settings": {"steps": 9}}, "there is no setting `steps`"),
        ({"teacher": "network", "teacher_settings": {"diameter": 40}}, "`diameter` decides how cues are found"),
        ({"method": "network", "teacher": "network"}, "only a student has `teacher`, and the method is 'network'"),
        ({"method": "voronoi", "with_nuclei": False}, "only a student has `with_nuclei`"),
        ({"inputs": "dapi,phase"}, "the foreground is found in the first of `inputs`, and 'dapi' shows nuclei only"),
        ({"inputs": "phase,,dapi"}, "empty channel name"),
        ({"predicted_nuclei": PREDICTED}, "set `learn` to 'alone' or 'others'"),
        ({"predicted_nuclei": {**PREDICTED, "stain_settings": {"preset": 1}}}, "`preset`"),
        ({"predicted_nuclei": {**PREDICTED, "settings": {"crop": 9}}}, "those of its stain model are `stain_settings`"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_arm_is_one_clear_sentence(arm: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as raised:
        _design(**arm)
    assert str(raised.value).startswith("study.yaml: tasks.t")
    assert "\n" not in str(raised.value)


def test_settings_of_every_method_are_allowed() -> None:
    _design(settings={"rounds": 1, "encoder": "small", "max_steps": 9, "diameter": 30})
    _design(method="network", settings={"preset": "paper", "max_steps": 9})
    _design(teacher="network", teacher_settings={"preset": "paper", "max_steps": 9})
    _design(inputs="phase,dapi", method="propagation", settings={"foreground": "texture"})
    _design({"learn": "alone"}, predicted_nuclei=PREDICTED)


def test_an_arm_has_seeds_of_its_own_and_what_learns_nothing_needs_one() -> None:
    shown = {"inputs": "phase", "nuclei": "dapi"}
    arms = {
        "student": shown,
        "slow": {**shown, "method": "network", "seeds": [4]},
        "classical": {**shown, "method": "voronoi"},
        "predicted": {**shown, "method": "voronoi", "predicted_nuclei": PREDICTED},
    }
    task = _design({"arms": arms, "seeds": [5, 6], "learn": "others"}).tasks["t"]
    assert isinstance(task, MarkerTask)
    assert {name: task.seeds_of(name) for name in arms} == {
        "student": (5, 6),
        "slow": (4,),
        "classical": (5,),
        "predicted": (5, 6),
    }


def test_networks_are_scored_while_they_learn_and_nothing_else_is() -> None:
    arms = {
        "net": {"inputs": "phase", "nuclei": "dapi", "method": "network"},
        "own": {"inputs": "phase", "nuclei": "dapi"},
    }
    task = _design({"arms": arms, "steps": [40, 10, 40]}).tasks["t"]
    assert isinstance(task, MarkerTask)
    assert (task.steps_of("net"), task.steps_of("own")) == ((10, 40), None)
    with pytest.raises(SettingsError, match="no arm has the method 'network'; leave them out"):
        _design({"steps": [10]})
    with pytest.raises(
        SettingsError, match=r"arm 'one' has `max_steps`, and the task has `steps`.*; leave one out"
    ):
        _design({"steps": [10]}, method="network", settings={"max_steps": 20})


def test_test_fields_without_a_use_are_refused() -> None:
    arm = {"inputs": "phase", "nuclei": "dapi", "method": "propagation"}
    task = {"kind": "markers", "data": ["a"], "labels": "cells", "arms": {"cut": arm}, "test": ["1"]}
    with pytest.raises(
        SettingsError, match="`learn` is 'together', which scores every labelled field; leave `test` out"
    ):
        StudyDesign.parse({"title": "t", "tasks": {"cells": task}})
