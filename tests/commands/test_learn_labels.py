"""`learn labels`: what it says of start and fine-tuned model, and what it refuses before anything is learned."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from frugalseg.commands.command_settings import LearnLabelsSettings
from frugalseg.commands.learn_labels import learn_labels
from frugalseg.errors import BadModel, BadPixels
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.learning.from_markers.marker_training import new_marker_network
from frugalseg.models.object_model import ObjectModel
from frugalseg.networks.cards import MarkerCard, TrainingSummary
from frugalseg.networks.store import save_model
from frugalseg.runs.label_report import start_and_tuned
from frugalseg.runs.options import RunOptions
from frugalseg.synthetic.cells import make_cells

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 4, "max_steps": 1, "hold_out": False}
OPTIONS = RunOptions(device="cpu", quiet=True, pattern="{field}_{channel}.tif")


def scored(role: str, score: float) -> Any:
    """A part whose two measures differ, so that the table can't take one for the other."""
    return SimpleNamespace(role=role, mask_iou=1 - score, scores=SimpleNamespace(mAP=score))


@pytest.mark.parametrize(("tuned", "verdict"), [(0.3, "helped"), (0.1, "did not help")])
def test_the_verdict_is_that_of_what_was_held_out(tuned: float, verdict: str) -> None:
    before = {"a": scored("held out", 0.2), "b": scored("learned from", 0.5)}
    after = {"a": scored("held out", tuned), "b": scored("learned from", 0.9)}
    table = start_and_tuned(before, after, "cells")
    change = tuned - 0.2
    assert (
        f"Fine-tuning {verdict}: mAP of what was held out changed by {change:+.3f} on average." in table.note
    )
    assert "chosen by what was held out" in table.note
    assert [row[:2] for row in table.rows] == [["a", "held out"], ["b", "learned from"]]
    assert [row[-1] for row in table.rows] == pytest.approx([change, 0.4])
    nuclei = start_and_tuned(before, after, "nuclei")
    assert f"mask IoU of what was held out changed by {-change:+.3f} on average" in nuclei.note
    assert [row[-1] for row in nuclei.rows] == pytest.approx([-change, -0.4])


def test_without_a_held_out_part_there_is_no_verdict() -> None:
    table = start_and_tuned({"b": scored("learned from", 0.5)}, {"b": scored("learned from", 0.9)}, "cells")
    assert table.note.startswith("Nothing was held out, so this table can't tell whether fine-tuning helped")
    assert [row[-1] for row in table.rows] == pytest.approx([0.4])


def test_what_is_no_label_map_is_refused_by_the_name_of_its_channel(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    mask = np.zeros((64, 64), np.uint16)
    mask[4:20, 4:20] = mask[30:50, 30:50] = 255
    grey = np.random.default_rng(0).integers(1, 4000, mask.shape).astype(np.uint16)
    for name, pixels in (("phase", grey), ("mask", mask), ("grey", grey)):
        tifffile.imwrite(folder / f"a_{name}.tif", pixels)
    for labels, target, says in (
        (
            "mask",
            "cells",
            "field 'a': channel 'mask' has one label in 2 separate pieces, so it is a mask",
        ),
        ("grey", "nuclei", "field 'a': channel 'grey' looks like a grey image"),
    ):
        settings = LearnLabelsSettings(inputs="phase", labels=labels, target=target)
        with pytest.raises(BadPixels, match=says):
            learn_labels([folder], tmp_path / "m", settings, OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_marker_network_is_no_start(tmp_path: Path) -> None:
    network = MarkerSettings(widths=(4, 4))
    training = TrainingSummary(steps=3, stopped_because="s", seconds=1.5, seed=0, fields=("a",))
    card = MarkerCard(
        channels=("phase",),
        training=training,
        settings=network.model_dump(mode="json"),
        modalities=("label-free",),
        diameter=30,
    )
    save_model(tmp_path / "markers", card, new_marker_network(1, network))
    settings = LearnLabelsSettings(labels="cells", target="cells", start=tmp_path / "markers")
    with pytest.raises(BadModel, match="is a marker network, which sees one cell at a time"):
        learn_labels([tmp_path], tmp_path / "m", settings, OPTIONS)
    assert not (tmp_path / "m").exists()


def test_fields_without_labels_go_along_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A self-trained start keeps what it finds in them; without such fields, nothing is given."""
    folder, random = tmp_path / "set", np.random.default_rng(0)
    folder.mkdir()
    pixels = {name: random.integers(1, 4000, (64, 64)).astype(np.uint16) for name in ("a", "b", "c")}
    for name, one in pixels.items():
        tifffile.imwrite(folder / f"{name}_phase.tif", one)
    cells = np.zeros((64, 64), np.uint16)
    cells[4:20, 4:20] = 1
    cells[30:50, 30:50] = 2
    tifffile.imwrite(folder / "b_cells.tif", cells)
    given: list[Any] = []

    def fit(images: Any, labels: Any, *, unlabelled: Any, **_: Any) -> None:
        given.append((list(images), None if unlabelled is None else list(unlabelled)))
        raise BadModel("enough")

    monkeypatch.setattr(ObjectModel, "fit", fit)
    settings = LearnLabelsSettings(inputs="phase", labels="cells", target="cells")
    for where in ((), ("field=b",)):
        options = OPTIONS.model_copy(update={"where": where})
        with pytest.raises(BadModel, match="enough"):
            learn_labels([folder], tmp_path / "m", settings, options)
    (images, others), (_, nothing) = given
    assert nothing is None
    assert [one.tolist() for one in images] == [pixels["b"][None].tolist()]
    assert [one.tolist() for one in others] == [pixels["a"][None].tolist(), pixels["c"][None].tolist()]


def test_fields_that_can_not_be_rehearsed_are_told_and_unreadable_ones_not_listed(tmp_path: Path) -> None:
    """Of the fields without labels, one is constant and one is no image; the third is rehearsed."""
    folder = tmp_path / "set"
    folder.mkdir()
    cells = make_cells((96, 104), n_cells=9, dim_nuclei=0.0, seed=4)
    start = ObjectModel.fit(cells.phase, cells.cells, channels=["phase"], device="cpu", **QUICK)
    start.card = start.card.model_copy(update={"self_trained": True})
    start.save(tmp_path / "start")
    tifffile.imwrite(folder / "a_phase.tif", cells.phase)
    tifffile.imwrite(folder / "a_cells.tif", cells.cells.astype(np.uint16))
    tifffile.imwrite(folder / "b_phase.tif", np.full((96, 104), 7, np.uint16))
    (folder / "c_phase.tif").write_bytes(b"no image")
    tifffile.imwrite(folder / "d_phase.tif", cells.phase[::-1])
    settings = LearnLabelsSettings(labels="cells", target="cells", start=tmp_path / "start", **QUICK)
    record: Any = learn_labels([folder], tmp_path / "m", settings, OPTIONS).record
    assert record.failed == {}
    assert list(record.fields) == ["a"]
    assert record.unlabelled == ("b", "d")
    told = [one for one in record.warnings if one.startswith("An image without labels is not rehearsed: ")]
    assert len(told) == 2
    assert "is constant (every pixel is 7)" in told[0]
    assert "c_phase.tif" in told[1]
