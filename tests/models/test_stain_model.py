"""A stain model, from arrays to a predicted stain in its own grey values."""

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import frugalseg as fs
from frugalseg.errors import BadModel, BadPixels, FrugalsegError, InputError, SettingsError, WrongShape
from frugalseg.models.model_parts import ImagePart
from frugalseg.models.model_scale import automatic_scale
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"encoder": "small", "crop": 32, "batch": 2, "max_steps": 4, "device": "cpu"}


@pytest.fixture(scope="module")
def images(fields: list[SyntheticField]) -> list[np.ndarray]:
    return [one.planes(["phase", "brightfield"]) for one in fields]


@pytest.fixture(scope="module")
def stains(fields: list[SyntheticField]) -> list[np.ndarray]:
    return [one.nuclear for one in fields]


@pytest.fixture(scope="module")
def model(images: list[np.ndarray], stains: list[np.ndarray]) -> fs.StainModel:
    return fs.StainModel.fit(images, stains, target="dapi", **QUICK)


def test_stains_have_their_own_grey_values(
    model: fs.StainModel, images: list[np.ndarray], stains: list[np.ndarray]
) -> None:
    predicted = model.predict(images[0])
    assert (predicted.dtype, predicted.shape) == (np.float32, (96, 104))
    scale = model.card.target_scale
    train = np.concatenate([one[::4, ::4].ravel() for n, one in enumerate(stains) if n != 0])
    assert [part.index for part in model.parts if part.role == "held out"] == [0]
    assert scale.centre[0] == pytest.approx(np.percentile(train, 1))
    assert scale.centre[0] + scale.spread[0] == pytest.approx(np.percentile(train, 99.8))
    scaled = model.predict_scaled(images[0])
    np.testing.assert_allclose(predicted, scaled * scale.spread[0] + scale.centre[0], rtol=1e-5)


def test_a_model_learns_to_predict_the_stain(fields: list[SyntheticField]) -> None:
    """The stain is the negative of the image: a straight line that few steps can learn."""
    images = [one.cytoplasm for one in fields]
    model = fs.StainModel.fit(
        images, [5000 - 2.0 * one for one in images], **{**QUICK, "max_steps": 40, "scale": 1.0}
    )
    scores = list(model.evaluate(images, [5000 - 2.0 * one for one in images]))
    assert [part.role for part in scores] == ["held out"] + ["learned from"] * 3
    assert min(part.pcc for part in scores) > 0.6


def test_a_whole_cell_stain_of_synthetic_cells_can_be_learned_from_phase() -> None:
    """The positive control: each field has a nuclear and a whole-cell stain, and the true cells."""
    some = [fs.make_cells((128, 128), n_cells=14, dim_nuclei=0, seed=seed) for seed in (1, 2, 3)]
    for one in some:
        whole, nuclear = (
            np.corrcoef(stain.ravel(), one.cells.ravel() > 0)[0, 1] for stain in (one.cytoplasm, one.nuclear)
        )
        assert whole > 0.7 > 0.4 > nuclear
    images, stains = [one.phase for one in some], [one.cytoplasm for one in some]
    quick = {**QUICK, "crop": 64, "max_steps": 30, "batch": 4}
    model = fs.StainModel.fit(images, stains, target="cytoplasm", scale=1.0, **quick)
    held_out = next(model.evaluate(images, stains))
    assert held_out.role == "held out"
    assert held_out.pcc > 0.2


def test_parts_and_card_say_what_was_learned_from(model: fs.StainModel) -> None:
    whole = (slice(0, 96), slice(0, 104))
    assert model.parts[0] == ImagePart("image 1", "held out", 0, whole)
    assert [part.index for part in model.parts] == [0, 1, 2, 3]
    assert model.card.training.fields == ("image 2", "image 3", "image 4")
    assert model.card.training.held_out == ("image 1",)
    assert (model.card.target, model.card.channels, model.started_from) == ("dapi", ("0", "1"), "none")
    assert model.crops_skipped is not None
    assert 0 <= model.crops_skipped < 1


def test_one_image_is_split(images: list[np.ndarray], stains: list[np.ndarray]) -> None:
    lines: list[str] = []
    model = fs.StainModel.fit(images[0], stains[0], names=["a"], log=lines.append, **QUICK)
    assert [(part.role, part.area) for part in model.parts] == [
        ("held out", (slice(0, 96), slice(78, 104))),
        ("learned from", (slice(0, 96), slice(0, 78))),
    ]
    assert len(lines) == 1
    assert "1 fields, held out: a (x 75% to 100%); inputs 0, 1; network px per image px 1" in lines[0]
    held_out, learned = model.evaluate(images[0], stains[0])
    assert held_out.real.shape == (96, 26)
    predicted = model.predict_scaled(images[0])
    np.testing.assert_array_equal(held_out.predicted, predicted[:, 78:])
    np.testing.assert_array_equal(learned.predicted, predicted[:, :78])
    without = fs.StainModel.fit(images[0], stains[0], hold_out=False, **QUICK)
    assert [part.role for part in without.parts] == ["learned from"]


def test_a_list_gives_a_list_and_round_trips(
    model: fs.StainModel, images: list[np.ndarray], stains: list[np.ndarray], tmp_path: Path
) -> None:
    model.save(tmp_path / "model")
    loaded = fs.load_model(tmp_path / "model", device="cpu")
    assert isinstance(loaded, fs.StainModel)
    assert (loaded.card, loaded.training, loaded.parts) == (model.card, model.training, ())
    predicted = loaded.predict(images[:2])
    assert isinstance(predicted, list)
    for one, image in zip(predicted, images, strict=False):
        np.testing.assert_array_equal(one, model.predict(image))
    fresh = list(loaded.evaluate(images[:2], stains[:2]))
    assert [(part.name, part.role) for part in fresh] == [("image 1", "new"), ("image 2", "new")]
    assert fresh[0].pcc == next(iter(model.evaluate(images, stains))).pcc


def test_types_and_axes_do_not_matter(images: list[np.ndarray], stains: list[np.ndarray]) -> None:
    plane, stain = images[0][0], stains[0]
    models = [
        fs.StainModel.fit(plane.astype(np.float32), stain.astype(np.uint16), **QUICK),
        fs.StainModel.fit(plane[None].astype(np.float64), stain[None].astype(np.float64), **QUICK),
        fs.StainModel.fit(
            [plane], [np.stack([stain, stain * 0])], **QUICK
        ),  # two focal planes, one of them dark
    ]
    expected = models[0].predict(plane)
    for other in models[1:]:
        np.testing.assert_array_equal(other.predict(plane), expected)


def test_pixel_sizes_are_compared_where_both_are_known(model: fs.StainModel) -> None:
    assert model.card.pixel_size is None
    assert model.scale_for((0.25, 0.25)) == model.card.scale
    known = fs.StainModel(
        model.card.model_copy(update={"pixel_size": (0.5, 0.5), "scale": 0.5}), model.network, device="cpu"
    )
    assert known.scale_for((0.25, 0.25)) == 0.25
    assert known.scale_for((50.0, 50.0)) == 4.0
    assert known.scale_for(None) == 0.5


def test_nuclei_become_20_px_wide() -> None:
    cells = fs.make_cells((256, 256), n_cells=12, diameter=80, dim_nuclei=0, seed=1)
    width = fs.find_markers(cells.nuclear).diameter
    assert width > 20
    assert automatic_scale([cells.nuclear.astype(np.float32)]) == pytest.approx(20 / width, abs=0.006)
    assert automatic_scale([np.random.default_rng(0).normal(9, 1, (64, 64)).astype(np.float32)]) == 1.0


class Lazy(Sequence[Any]):
    """Arrays that are made when asked for; knows how many of them were alive at once."""

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self.arrays, self.alive, self.most = arrays, 0, 0

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, index: Any) -> Any:
        made = self.arrays[index].copy()
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(made, self._gone)
        return made

    def _gone(self) -> None:
        self.alive -= 1


def test_lazy_images_are_not_all_in_memory(images: list[np.ndarray], stains: list[np.ndarray]) -> None:
    lazy, lazy_stains = Lazy(images * 2), Lazy(stains * 2)
    model = fs.StainModel.fit(lazy, lazy_stains, **QUICK)
    assert max(lazy.most, lazy_stains.most) <= 2
    for _ in model.evaluate(lazy, lazy_stains):
        pass
    assert len(model.predict(lazy)) == 8
    assert max(lazy.most, lazy_stains.most) <= 2


def test_images_that_cannot_be_used_are_named_or_left_out(
    images: list[np.ndarray], stains: list[np.ndarray]
) -> None:
    bad = [images[0], images[1], np.zeros_like(images[2]), images[3]]
    message = r"^images\[2\]: channel 0 is constant|^images\[2\]: channel '0' is constant"
    with pytest.raises(BadPixels, match=message):
        fs.StainModel.fit(bad, stains, **QUICK)
    left_out: list[tuple[int, str]] = []

    def leave_out(index: int, error: FrugalsegError) -> None:
        left_out.append((index, str(error)))

    model = fs.StainModel.fit(bad, stains, names=list("abcd"), on_error=leave_out, **QUICK)
    assert [index for index, _ in left_out] == [2]
    assert left_out[0][1].startswith("field 'c': ")
    assert sorted(part.index for part in model.parts) == [0, 1, 3]
    assert {part.name for part in model.evaluate(bad, stains)} == {"a", "b", "d"}
    with pytest.raises(BadPixels, match="field 'a'"):
        fs.StainModel.fit([bad[2]], stains[:1], names=["a"], on_error=leave_out, **QUICK)


def test_images_and_stains_that_do_not_fit(images: list[np.ndarray], stains: list[np.ndarray]) -> None:
    with pytest.raises(WrongShape, match=r"images\[1\] is 96 x 104 px and its stain in `stains` 96 x 50 px"):
        fs.StainModel.fit(images[:2], [stains[0], stains[1][:, :50]], **QUICK)
    with pytest.raises(InputError, match="there are 2 `images` and 1 `stains`"):
        fs.StainModel.fit(images[:2], stains[:1], **QUICK)
    with pytest.raises(WrongShape, match=r"images\[1\] has 1 channels and images\[0\] 2"):
        fs.StainModel.fit([images[0], images[1][0]], stains[:2], **QUICK)
    with pytest.raises(BadPixels, match="the image: `stains` is constant"):
        fs.StainModel.fit(images[0], np.ones_like(stains[0]), **QUICK)
    with pytest.raises(SettingsError, match="`project` is 'sum'; allowed are 'max', 'mean' and 'focus'"):
        fs.StainModel.fit(images[0], stains[0], project="sum", **QUICK)  # type: ignore[arg-type]


def test_other_numbers_of_channels_do_not_fit_the_model(
    model: fs.StainModel, images: list[np.ndarray]
) -> None:
    with pytest.raises(
        WrongShape, match=r"^the image has 1 channels and the model was trained on 2 \(0, 1\)"
    ):
        model.predict(images[0][0])
    with pytest.raises(WrongShape, match=r"^images\[1\] has 3 channels"):
        model.predict([images[0], np.concatenate([images[0], images[0][:1]])])


def test_predicted_nuclei_mark_cells(fields: list[SyntheticField], stains: list[np.ndarray]) -> None:
    """A model that copies its input stands for a good stain model: its prediction is a source of markers."""
    model = fs.StainModel.fit(stains, stains, scale=1.0, **QUICK)
    model.network = Copy()  # type: ignore[assignment]
    predicted = model.predict(stains[:2])
    cells = fs.MarkerModel.fit(
        [one.cytoplasm for one in fields[:2]], nuclei=predicted, diameter=26, max_steps=1, device="cpu"
    )
    labels = cells.predict(fields[0].cytoplasm, nuclei=predicted[0], diameter=26)
    assert len(np.unique(labels)) - 1 == len(fs.find_markers(predicted[0])) >= 8


class Copy(torch.nn.Module):
    """Predicts its input."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Parameter(torch.ones(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * self.one


def test_another_kind_of_model_is_no_stain_model(model: fs.StainModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    for kind, message in (
        (fs.MarkerModel, "marker network is needed"),
        (fs.ObjectModel, "nuclei or cells are needed"),
    ):
        with pytest.raises(BadModel, match=f"kind 'stain'.*{message}"):
            kind.load(tmp_path / "model")


@pytest.mark.parametrize("what", ["images", "stains"])
def test_evaluate_knows_the_images_and_stains_of_fit(
    model: fs.StainModel, images: list[np.ndarray], stains: list[np.ndarray], what: str
) -> None:
    given = {"images": images, "stains": stains}
    given[what] = given[what][::-1]
    with pytest.raises(
        InputError, match=r"^`images` and `stains` are not those that the model was fitted to"
    ):
        list(model.evaluate(**given))
