"""A student begins with the weights of another model, where that sees images as the student does."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import frugalseg as fs
from frugalseg.errors import BadModel, SettingsError
from frugalseg.images.normalize import IntensityScale
from frugalseg.learning.from_labels.label_samples import label_sample
from frugalseg.learning.from_labels.label_settings import LabelSettings
from frugalseg.learning.from_stains.stain_settings import StainSettings
from frugalseg.models import self_training
from frugalseg.models.object_training import begin_network
from frugalseg.models.self_training import self_train_on_cues
from frugalseg.models.student_images import StartAsTeacher, first_teacher, first_weights
from frugalseg.models.student_start import begin_student
from frugalseg.models.teacher_cells import teacher_cells
from frugalseg.networks.cards import Normalization, ObjectCard, StainCard, TrainingSummary
from frugalseg.networks.object_net import Target, object_network
from frugalseg.networks.unet import Unet
from frugalseg.synthetic.cells import SyntheticField, make_cells

ONCE: dict[str, Any] = {"rounds": 1, "max_steps": 1, "seed": 3, "device": "cpu"}
#: Adam's first step changes no weight by more than the learning rate, a twentieth of it in the warm-up.
FIRST_STEP = 1.01 * 2e-3 / 20
DONE = TrainingSummary(steps=3, stopped_because="s", seconds=1.0, seed=0, fields=("a",))


@pytest.fixture(scope="module")
def field() -> SyntheticField:
    return make_cells((96, 96), n_cells=9, dim_nuclei=0.0, seed=4)


def stain_start(channels: tuple[str, ...] = ("phase",)) -> fs.StainModel:
    torch.manual_seed(11)
    greys = IntensityScale(how="percentile", centre=(0.0,), spread=(1.0,))
    settings = StainSettings().model_dump()
    card = StainCard(
        channels=channels, training=DONE, scale=0.75, settings=settings, target="d", target_scale=greys
    )
    return fs.StainModel(card, Unet("small", len(channels), 1), device="cpu")


def object_start(kind: Target, *normalization: Normalization) -> fs.ObjectModel:
    torch.manual_seed(12)
    channels = ("phase", "dapi")[: max(1, len(normalization))]
    settings = LabelSettings(target=kind)
    card = ObjectCard(
        kind=kind,
        channels=channels,
        training=DONE,
        scale=0.5,
        diameter=40,
        settings=settings.model_dump(),
        normalization=normalization,
    )
    return fs.ObjectModel(card, object_network(kind, "small", len(channels)), settings, device="cpu")


def tensors_of(start: fs.StainModel | fs.ObjectModel) -> dict[str, Tensor]:
    prefix = "unet." if isinstance(start, fs.StainModel) else ""
    return {prefix + name: one.detach().clone() for name, one in start.network.named_parameters()}


def farthest(model: fs.ObjectModel, wanted: dict[str, Tensor]) -> dict[str, float]:
    found = model.network.state_dict()
    return {
        name: float((found[name] - one.detach()).abs().max()) for name, one in wanted.items() if name in found
    }


@pytest.mark.parametrize("kind", ["stain", "nuclei", "cells"])
def test_the_student_begins_with_the_weights_of_its_start(
    kind: str, field: SyntheticField, tmp_path: Path
) -> None:
    start = stain_start() if kind == "stain" else object_start(kind)  # type: ignore[arg-type]
    before = tensors_of(start)
    start.save(tmp_path / "start")
    student = fs.self_train(
        field.phase, field.nuclear, start=tmp_path / "start" if kind == "cells" else start, **ONCE
    )
    moved = farthest(student, before)
    assert 0 < max(moved.values()) < FIRST_STEP
    assert any(name.startswith("head.") for name in moved) == (kind == "cells")
    fresh, _ = begin_network(student.settings, 1, 3)
    head = {name: one for name, one in fresh.named_parameters() if name.startswith("head.")}
    assert (max(farthest(student, head).values()) < FIRST_STEP) == (kind != "cells")
    assert student.card.started_from == f"self-training of 1 rounds, {kind} model {start.card.sha256[:12]}"
    assert (student.settings.encoder, student.settings.weights) == ("small", "none")
    assert (
        farthest(student, tensors_of(fs.self_train(field.phase, field.nuclear, encoder="small", **ONCE)))[
            "unet.output.weight"
        ]
        > 0.01
    )


def test_the_scale_is_the_start_s(field: SyntheticField) -> None:
    """Of a stain model as it is; of cells so that they look as large as they did."""
    from_stain = fs.self_train(field.phase, field.nuclear, start=stain_start(), diameter=25, **ONCE)
    from_cells = fs.self_train(field.phase, field.nuclear, start=object_start("cells"), diameter=25, **ONCE)
    assert (from_stain.card.scale, from_cells.card.scale) == (0.75, pytest.approx(0.5 * 40 / 25))


def test_starts_that_do_not_fit_are_refused(field: SyntheticField, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError,
        match=r"^`start` was trained on z-scored grey values and the student of these images sees the logarithm of "
        r"fluorescence; start from a model that was trained on such images, or leave `start` out",
    ):
        fs.self_train(field.cytoplasm, field.nuclear, start=stain_start(), **ONCE)
    with pytest.raises(SettingsError, match="trained on the logarithm of fluorescence and the student"):
        fs.self_train(field.phase, field.nuclear, start=object_start("cells", "log"), **ONCE)
    with pytest.raises(
        SettingsError, match=r"`start` was trained on 2 channels \(phase, dic\) and the images have 1"
    ):
        fs.self_train(field.phase, field.nuclear, start=stain_start(("phase", "dic")), **ONCE)
    given: dict[str, Any] = {"encoder": "efficientnet_lite0"}
    with pytest.raises(
        SettingsError, match="`start` has the encoder 'small', so `encoder` 'efficientnet_lite0'"
    ):
        fs.self_train([], [], start=stain_start(), **given, **ONCE)
    with pytest.raises(SettingsError, match="`weights` and `start` both say where to start from"):
        fs.self_train([], [], start=stain_start(), weights="none", **ONCE)
    with pytest.raises(BadModel, match="no model folder"):
        fs.self_train([], [], start=tmp_path / "nothing", **ONCE)


def test_a_fluorescent_student_goes_on_from_another(field: SyntheticField) -> None:
    start = object_start("cells", "log")
    student = fs.self_train(field.cytoplasm, field.nuclear, start=start, **ONCE)
    assert student.card.normalization == ("log",)
    far = farthest(student, tensors_of(start))
    assert far.pop("head.second.bias") > FIRST_STEP  # the mask is matched to the teacher's area
    assert max(far.values()) < FIRST_STEP


def test_every_channel_must_be_seen_as_by_the_start(field: SyntheticField) -> None:
    images = field.planes(["phase", "nuclear"])
    start = object_start("cells", "zscore", "log")
    student = fs.self_train(images, field.nuclear, start=start, **ONCE)
    assert student.card.normalization == ("even", "log")
    assert max(farthest(student, tensors_of(start)).values()) < FIRST_STEP
    says = "^`start` was trained on z-scored grey values of channel 'dapi' and the student of these images sees the logarithm of"
    for other in (object_start("cells", "zscore", "zscore"), stain_start(("phase", "dapi"))):
        with pytest.raises(SettingsError, match=says):
            fs.self_train(images, field.nuclear, start=other, **ONCE)


def test_cues_can_be_learned_from_with_a_start_too(field: SyntheticField) -> None:
    cues = [fs.find_cues(field.phase, field.nuclear)]
    one = self_train_on_cues(cues, start=stain_start(), settings=fs.SelfTrainingSettings(**{k: ONCE[k] for k in ("rounds", "max_steps", "seed")}), device="cpu")  # fmt: skip
    other = fs.self_train(field.phase, field.nuclear, start=stain_start(), **ONCE)
    for name, tensor in one.network.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), other.network.state_dict()[name].numpy())


@pytest.mark.parametrize("kind", [None, "stain", "nuclei"])
def test_cells_that_grow_from_nuclei_teach_unless_the_start_finds_cells(kind: Any) -> None:
    start = None if kind is None else stain_start() if kind == "stain" else object_start(kind)
    assert first_teacher(start, None) is teacher_cells


def test_in_fluorescence_cells_that_grow_from_nuclei_teach_whatever_the_start(field: SyntheticField) -> None:
    cues = fs.find_cues(field.cytoplasm, field.nuclear)
    taught = first_teacher(object_start("cells", "log"), None)(cues)
    assert np.array_equal(taught, teacher_cells(cues))


@pytest.mark.parametrize(
    ("seen", "inverted"), [((True, True, False), True), ((True, False), False), ((), False)]
)
def test_first_weights_are_those_for_the_contrast_of_most_images(
    field: SyntheticField, seen: tuple[bool, ...], inverted: bool
) -> None:
    start = object_start("cells", "zscore", "log")
    learning = fs.SelfTrainingSettings(**{k: ONCE[k] for k in ("rounds", "max_steps", "seed")})
    own = begin_student(learning, start, ("zscore", "log"), 40.0)
    began = first_weights(own, StartAsTeacher(start, None, list(seen)))
    image = torch.randn(1, 2, 64, 64)
    other = image * torch.tensor([-1.0, 1.0])[None, :, None, None]
    own.network.eval(), began.network.eval()
    with torch.inference_mode():
        expected = start.network(other if inverted else image)
        torch.testing.assert_close(began.network(image), expected)
        torch.testing.assert_close(own.network(image), start.network(image))  # stays as it is
    assert began.started_from == own.started_from + (", inverted" if inverted else "")


def test_a_start_counts_the_images_that_it_sees_inverted(
    field: SyntheticField, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, answers = object_start("cells"), iter([True, False])
    found = lambda *_, **__: SimpleNamespace(labels=field.cells, inverted=next(answers))  # noqa: E731
    monkeypatch.setattr(start, "segment", found)
    teacher = first_teacher(start, None)
    assert isinstance(teacher, StartAsTeacher)
    for image in (field.phase, field.phase, field.cytoplasm):
        teacher(fs.find_cues(image, field.nuclear))
    assert teacher.inverted == [True, False]


@pytest.mark.parametrize("own", [False, True])
def test_the_cells_that_a_start_finds_are_learned_first(
    field: SyntheticField, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    start, cues = object_start("cells"), fs.find_cues(field.phase, field.nuclear)
    asked, taught = list[Any](), list[Any]()

    def segment(cues: Any, *, pixel_size: Any) -> Any:
        asked.append((cues.name, pixel_size))
        return SimpleNamespace(labels=field.cells, inverted=True)

    monkeypatch.setattr(start, "segment", segment)
    learn = self_training.learn_from_labels

    def watched(network: Any, samples: Any, *rest: Any, **options: Any) -> Any:
        taught.append(samples[0].targets)
        return learn(network, samples, *rest, **options)

    monkeypatch.setattr(self_training, "learn_from_labels", watched)
    more: dict[str, Any] = {"teacher": teacher_cells} if own else {}
    student = self_train_on_cues(
        [cues], start=start, pixel_size=0.25, rounds=1, max_steps=1, device="cpu", **more
    )
    assert asked == ([] if own else [("image", (0.25, 0.25))])
    cells = teacher_cells(cues) if own else field.cells
    wanted = label_sample("one", cues.planes, cells, "cells", student.card.scale).targets
    assert np.array_equal(taught[0], wanted)
    assert student.card.started_from.endswith(", inverted") != own
