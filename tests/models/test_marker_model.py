"""A marker network, from arrays to labels: the same numbers whatever holds them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import frugalseg as fs
from frugalseg.errors import BadModel, InputError, NoMarkers, SettingsError, WrongShape
from frugalseg.learning.from_markers.marker_settings import MarkerSettings
from frugalseg.models.marker_samples import marker_sample, segment_sample
from frugalseg.synthetic.cells import SyntheticField

QUICK: dict[str, Any] = {"max_steps": 3, "diameter": 26, "device": "cpu"}


@pytest.fixture(scope="module")
def model(cells: SyntheticField) -> fs.MarkerModel:
    return fs.MarkerModel.fit(cells.cytoplasm, nuclei=cells.nuclear, **QUICK)


def test_labels_are_numbered_by_marker(model: fs.MarkerModel, cells: SyntheticField) -> None:
    labels = model.predict(cells.cytoplasm, nuclei=cells.nuclear, diameter=26)
    assert (labels.dtype, labels.shape) == (np.uint32, (96, 104))
    assert set(np.unique(labels)) <= set(range(10))
    for number, (y, x) in enumerate(np.round(fs.find_markers(cells.nuclear).points).astype(int), start=1):
        assert labels[y, x] in (number, 0)
    scores = fs.score_labels(cells.cells, labels)
    assert scores.cell_miou > 0.5  # the marker channel alone is a sensible start


def test_the_card_says_what_was_learned(model: fs.MarkerModel) -> None:
    card = model.card
    assert (card.channels, card.modalities, card.diameter) == (("0",), ("fluorescent",), 26)
    assert (card.training.steps, card.training.seed, card.training.fields) == (3, 0, ("image 1",))
    assert (card.nuclei, card.nuclei_from, card.pixel_size) == (None, None, None)
    assert model.training is not None
    assert len(model.training.losses) == 3


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_the_type_of_the_numbers_does_not_matter(
    model: fs.MarkerModel, cells: SyntheticField, kind: type
) -> None:
    image, stain = cells.cytoplasm.astype(kind), cells.nuclear.astype(kind)
    other = fs.MarkerModel.fit(image[None], nuclei=stain, **QUICK)
    expected = model.predict(cells.cytoplasm, nuclei=cells.nuclear, diameter=26)
    np.testing.assert_array_equal(other.predict(image, nuclei=stain, diameter=26), expected)


def test_small_integers_are_like_floats(cells: SyntheticField) -> None:
    image, stain = (
        np.clip(one / one.max() * 255, 0, 255).astype(np.uint8) for one in (cells.cytoplasm, cells.nuclear)
    )
    whole, real = (
        fs.MarkerModel.fit(image.astype(kind), nuclei=stain.astype(kind), **QUICK)
        for kind in (np.uint8, np.float64)
    )
    np.testing.assert_array_equal(
        whole.predict(image, nuclei=stain), real.predict(image.astype(float), nuclei=stain.astype(float))
    )


def test_a_list_gives_a_list(model: fs.MarkerModel, fields: list[SyntheticField]) -> None:
    images, stains = [one.cytoplasm for one in fields[:2]], [one.nuclear for one in fields[:2]]
    labels = model.predict(images, nuclei=stains, diameter=26)
    assert isinstance(labels, list)
    for one, image, stain in zip(labels, images, stains, strict=True):
        np.testing.assert_array_equal(one, model.predict(image, nuclei=stain, diameter=26))


def test_several_images_train_one_network(fields: list[SyntheticField]) -> None:
    images = [np.stack([one.phase, one.cytoplasm]) for one in fields[:3]]
    stains = [one.nuclear for one in fields[:3]]
    names = ("a", "b", "c")
    both = fs.MarkerModel.fit(
        images, stains, channels=("phase", "actin"), names=names, pixel_size=0.5, max_steps=2, device="cpu"
    )
    assert both.card.channels == ("phase", "actin")
    assert both.card.modalities == ("label-free", "fluorescent")
    assert both.card.training.fields == names
    assert both.card.pixel_size == (0.5, 0.5)
    cues = [fs.find_cues(image, stain) for image, stain in zip(images, stains, strict=True)]
    assert both.card.diameter == sorted(one.diameter for one in cues)[1]
    again = fs.MarkerModel.fit_to_cues(iter(cues), max_steps=2, device="cpu")
    for name, value in both.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name
    assert both.doubts(cues[0]) == ()
    swapped = fs.find_cues(images[0][::-1], stains[0])
    assert both.doubts(swapped)[0] == (
        "Channel 'phase' looks fluorescent, and the model was trained on label-free images in its place."
    )


def test_a_saved_model_gives_the_same_labels(
    model: fs.MarkerModel, cells: SyntheticField, tmp_path: Path
) -> None:
    model.save(tmp_path / "model", extras={"record.json": "{}"})
    loaded = fs.load_model(tmp_path / "model", device="cpu")
    assert isinstance(loaded, fs.MarkerModel)
    assert loaded.card == model.card
    assert loaded.training == model.training
    assert {path.name for path in (tmp_path / "model").iterdir()} == {
        "card.yaml",
        "weights.safetensors",
        "training.json",
        "record.json",
    }
    given: dict[str, Any] = {"image": cells.cytoplasm, "nuclei": cells.nuclear}
    np.testing.assert_array_equal(loaded.predict(**given), model.predict(**given))


def test_a_damaged_training_record_is_refused(model: fs.MarkerModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    (tmp_path / "model" / "training.json").write_text("{")
    with pytest.raises(BadModel, match=r"training\.json is damaged"):
        fs.load_model(tmp_path / "model")
    (tmp_path / "model" / "training.json").unlink()
    assert fs.load_model(tmp_path / "model").training is None


def test_the_seed_decides(model: fs.MarkerModel, cells: SyntheticField) -> None:
    same, other = (
        fs.MarkerModel.fit(cells.cytoplasm, nuclei=cells.nuclear, seed=seed, **QUICK) for seed in (0, 1)
    )
    assert model.training is not None
    assert same.training is not None
    assert other.training is not None
    assert same.training.losses == model.training.losses != other.training.losses


def test_progress_is_told_and_a_complete_training_is_not_repeated(
    model: fs.MarkerModel, cells: SyntheticField, tmp_path: Path
) -> None:
    steps: list[tuple[int, int]] = []

    def fit(**more: Any) -> fs.MarkerModel:
        told = lambda one: steps.append((one.step, one.max_steps))  # noqa: E731
        return fs.MarkerModel.fit(cells.cytoplasm, nuclei=cells.nuclear, progress=told, **QUICK, **more)

    fit(checkpoint=tmp_path / "part")
    assert steps == [(1, 3), (2, 3), (3, 3)]
    again = fit(checkpoint=str(tmp_path / "part"), resume=True)
    assert len(steps) == 3
    for name, value in model.network.state_dict().items():
        assert torch.equal(again.network.state_dict()[name], value), name


def test_errors_say_which_image(model: fs.MarkerModel, fields: list[SyntheticField]) -> None:
    images, stains = [one.cytoplasm for one in fields[:2]], [one.nuclear for one in fields[:2]]
    empty = np.random.default_rng(0).normal(100, 1, stains[0].shape)
    with pytest.raises(NoMarkers, match=r"^images\[1\]: no nucleus was found in `nuclei`"):
        fs.MarkerModel.fit(images, [stains[0], empty], **QUICK)
    with pytest.raises(NoMarkers, match=r"^field 'b': no nucleus was found"):
        model.predict(images, [stains[0], empty], names=["a", "b"])
    with pytest.raises(InputError, match="there are 2 `images` and 1 `masks`"):
        fs.MarkerModel.fit(images, stains, masks=[images[0]], **QUICK)
    with pytest.raises(InputError, match="there are 2 `images` and 1 `mask`"):
        model.predict(images, stains, mask=[images[0]])
    with pytest.raises(WrongShape, match="image 2 has 2 channels and image 1 1"):
        fs.MarkerModel.fit([images[0], np.stack([images[1]] * 2)], stains, **QUICK)


def test_other_numbers_of_channels_do_not_fit_the_model(model: fs.MarkerModel, cells: SyntheticField) -> None:
    two = np.stack([cells.cytoplasm, cells.phase])
    with pytest.raises(WrongShape, match=r"has 2 channels and the model was trained on 1 \(0\)"):
        model.predict(two, nuclei=cells.nuclear)


def test_settings_are_checked_before_anything_is_computed(cells: SyntheticField) -> None:
    for wrong, message in (
        ({"max_steps": 0}, "`max_steps`"),
        ({"encoder": "small"}, "there is no setting `encoder`"),
        ({"channels": ["a", "b"]}, "`channels` must be a list of 1 names"),
        ({"pixel_size": 0.0}, "`pixel_size`"),
    ):
        with pytest.raises(SettingsError, match=message):
            fs.MarkerModel.fit(cells.cytoplasm, nuclei=cells.nuclear, **{**QUICK, **wrong})
    with pytest.raises(InputError, match="`cues` is empty"):
        fs.MarkerModel.fit_to_cues([])


class Everything(torch.nn.Module):
    """Claims all pixels of a patch, most of all those in the middle."""

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        side = patches.shape[-1]
        steps = (torch.arange(side) - side // 2).abs().float()
        return (4.0 - 0.01 * (steps[:, None] + steps[None, :])).expand(len(patches), side, side)


@pytest.mark.parametrize("margin", [0, 8, 24])
def test_patches_are_wider_in_use_than_in_training(margin: int) -> None:
    """One marker in an image that is all cell: the cell is as wide as the patch."""
    one = fs.make_cells((160, 160), n_cells=1, seed=1)
    cues = fs.find_cues(one.cytoplasm, one.nuclear, diameter=30, mask=np.ones((160, 160)))
    settings = MarkerSettings(widths=(4, 4), orientations=1, margin=margin, assign_remaining=False)
    labels = segment_sample(Everything(), cues, marker_sample(cues), settings, "cpu")  # type: ignore[arg-type]
    half = settings.side_in_use // 2
    assert half == 32 + margin
    y, x = np.round(cues.markers.points[0]).astype(int)
    expected = np.zeros((160, 160), np.uint32)
    expected[max(0, y - half) : y + half, max(0, x - half) : x + half] = 1
    np.testing.assert_array_equal(labels, expected)


@pytest.mark.real
@pytest.mark.slow
def test_a_real_field(real_data: Path) -> None:
    """A network trained for a moment on real cells finds most of them; its labels belong to the markers."""
    table = fs.open_fields([real_data / "phase_nuclear" / "fields.csv"], where=["field=hela_2"])
    image, stain = table[0].planes(["phase"]), table[0].plane("nuclear")
    model = fs.MarkerModel.fit(image, nuclei=stain, max_steps=20, device="cpu")
    labels = model.predict(image, nuclei=stain)
    cues = fs.find_cues(image, stain)
    assert cues.modalities == ("label-free",)
    assert len(np.unique(labels)) - 1 > 0.9 * len(cues.markers)


def test_a_label_map_in_place_of_a_stain_is_named(model: fs.MarkerModel, cells: SyntheticField) -> None:
    with pytest.warns(UserWarning, match="looks like a label map"):
        model.predict(cells.cytoplasm, nuclei=cells.nuclei)


def test_the_image_without_nuclei_is_named(model: fs.MarkerModel, cells: SyntheticField) -> None:
    for call in (fs.self_train, model.predict):
        with pytest.raises(SettingsError, match=r"^images\[1\]: there is nothing to start cells from"):
            call([cells.cytoplasm] * 2, nuclei=[cells.nuclear, None])
