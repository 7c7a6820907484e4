"""A model folder: what is saved comes back, and whatever is wrong with it is said in one sentence."""

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save

from frugalseg.errors import BadModel, OutputExists, OutputFailed, TrainingFailed
from frugalseg.networks.cards import MarkerCard, TrainingSummary
from frugalseg.networks.marker_net import MarkerNetwork
from frugalseg.networks.store import (
    CARD,
    WEIGHTS,
    load_card,
    load_weights,
    save_model,
)


def network(seed: int = 0, widths: tuple[int, ...] = (4, 8)) -> MarkerNetwork:
    torch.manual_seed(seed)
    return MarkerNetwork(2, widths)


def a_card(**changed: object) -> MarkerCard:
    training = TrainingSummary(
        steps=7, stopped_because="the loss was stable", seconds=1.5, seed=3, fields=("a",)
    )
    values = {
        "channels": ("phase",),
        "modalities": ("label-free",),
        "nuclei": "dapi",
        "diameter": 41.5,
        "pixel_size": (0.5, 0.25),
        "settings": {"patch": 64, "widths": [4, 8]},
        "training": training,
    }
    return MarkerCard(**{**values, **changed})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_model(tmp_path / "model", a_card(), network(), extras={"training.json": "{}\n"})
    return tmp_path / "model"


def test_what_is_saved_comes_back(model: Path) -> None:
    assert {path.name for path in model.iterdir()} == {CARD, WEIGHTS, "training.json"}
    card = load_card(model)
    assert card.model_copy(update={"sha256": "", "created": ""}) == a_card(created="")
    assert len(card.sha256) == 64
    other = load_weights(model, network(seed=1))
    for name, tensor in network(seed=0).state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    assert not other.training


def test_nothing_is_replaced_without_overwrite(model: Path) -> None:
    before = (model / WEIGHTS).read_bytes()
    with pytest.raises(OutputExists, match="`overwrite`"):
        save_model(model, a_card(), network(seed=1))
    assert (model / WEIGHTS).read_bytes() == before
    save_model(model, a_card(), network(seed=1), overwrite=True)
    assert (model / WEIGHTS).read_bytes() != before
    assert not (model / "training.json").exists()  # of the model that was replaced
    assert [path.name for path in model.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_not_saved(model: Path, tmp_path: Path, bad: float) -> None:
    broken, before = network(), (model / WEIGHTS).read_bytes()
    name = next(iter(broken.state_dict()))
    with torch.no_grad():
        broken.state_dict()[name].view(-1)[3] = bad
    for folder, overwrite in ((tmp_path / "new", False), (model, True)):
        with pytest.raises(TrainingFailed, match=rf"{name} of the network .*lower learning rate"):
            save_model(folder, a_card(), broken, overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (model / WEIGHTS).read_bytes() == before


def test_what_a_user_put_beside_a_model_is_never_deleted(model: Path) -> None:
    (model / "notes.txt").write_text("mine")
    with pytest.raises(
        OutputExists, match=r"holds notes\.txt beside its model, which `overwrite` would delete"
    ):
        save_model(model, a_card(), network(1), overwrite=True)
    assert (model / "notes.txt").read_text() == "mine"
    (model / "notes.txt").unlink()
    (model / "report.html").write_text("of the model")
    save_model(model, a_card(), network(1), overwrite=True)
    assert not (model / "report.html").exists()


def test_a_folder_that_is_no_model_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("mine")
    with pytest.raises(OutputExists, match="no model"):
        save_model(tmp_path / "thesis", a_card(), network(), overwrite=True)
    assert (tmp_path / "thesis" / "chapter1.tex").read_text() == "mine"


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    folder = tmp_path / "model"
    if there:
        save_model(folder, a_card(), network())
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    real, left = os.fsync, [1]  # the weights still fit, the card does not

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFailed, match="the disk is full"):
        save_model(folder, a_card(), network(seed=1), overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"] * there


def changed_card(model: Path, **values: object) -> None:
    content = yaml.safe_load((model / CARD).read_text())
    (model / CARD).write_text(yaml.safe_dump({**content, **values}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda model: (model / CARD).unlink(), r"has no card\.yaml"),
        (lambda model: (model / WEIGHTS).unlink(), r"has no weights\.safetensors"),
        (lambda model: (model / CARD).write_text("channels: [a\nb: {"), "damaged"),
        (lambda model: (model / CARD).write_text("just text"), "no keys"),
        (lambda model: (model / CARD).write_bytes(b"\xff\xfe\x00"), "damaged"),
        (lambda model: changed_card(model, colour="red"), "colour: Extra inputs"),
        (lambda model: changed_card(model, diameter="wide"), "diameter: "),
        (lambda model: changed_card(model, format=3), "another version"),
        (lambda model: changed_card(model, channels=["a", "b"]), "2 channels and 1 modalities"),
        (lambda model: (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes()[:-8]), "checksum"),
    ],
)
def test_a_damaged_model_is_one_sentence(model: Path, damage, message: str) -> None:
    damage(model)
    with pytest.raises(BadModel, match=message) as error:
        load_weights(model, network())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("method", "closed"), [("stat", CARD), ("stat", WEIGHTS), ("open", CARD), ("open", WEIGHTS)]
)
def test_a_model_that_may_not_be_read_is_one_sentence(
    model: Path, monkeypatch: pytest.MonkeyPatch, method: str, closed: str
) -> None:
    refuse_to(monkeypatch, method, model / closed)
    with pytest.raises(BadModel, match=rf"{closed} can't be opened \(Permission denied\); allow"):
        load_weights(model, network())


def refuse_to(monkeypatch: pytest.MonkeyPatch, method: str, closed: Path) -> None:
    """What the system says of a file without permission; root, whom tests may run as, is never refused."""
    do = getattr(Path, method)

    def refusing(path: Path, *args: object, **options: object) -> object:
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return do(path, *args, **options)

    monkeypatch.setattr(Path, method, refusing)


def test_a_card_can_not_run_code(model: Path, tmp_path: Path) -> None:
    (model / CARD).write_text(f"a: !!python/object/apply:os.mkdir ['{tmp_path / 'owned'}']\n")
    with pytest.raises(BadModel, match="damaged"):
        load_card(model)
    assert not (tmp_path / "owned").exists()


def test_weights_of_another_network_are_refused(model: Path) -> None:
    message = r"decoder\.0\.first\.bias is \(4,\) float32 and should be \(6,\) float32"
    with pytest.raises(BadModel, match=message):
        load_weights(model, network(widths=(6, 8)))
    with pytest.raises(BadModel, match=r"tensors differ"):
        load_weights(model, network(widths=(4, 8, 8)))


def replace_weights(model: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Weights that the card's checksum fits, as a program other than this one may write them."""
    weights = save(tensors)
    (model / WEIGHTS).write_bytes(weights)
    changed_card(model, sha256=hashlib.sha256(weights).hexdigest())


@pytest.mark.parametrize("bad", [float("nan"), float("-inf")])
def test_weights_that_are_no_numbers_are_not_loaded(model: Path, bad: float) -> None:
    tensors = network().state_dict()
    tensors["output.weight"].view(-1)[1] = bad
    replace_weights(model, tensors)
    fresh = network(seed=1)
    before = fresh.output.weight.tolist()
    with pytest.raises(BadModel, match=r"output\.weight is not all finite numbers; train again") as error:
        load_weights(model, fresh)
    assert "\n" not in str(error.value)
    assert fresh.output.weight.tolist() == before


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32])
def test_weights_of_another_number_type_are_not_loaded(model: Path, dtype: torch.dtype) -> None:
    tensors = network().state_dict()
    tensors["output.bias"] = tensors["output.bias"].to(dtype)
    replace_weights(model, tensors)
    kind = str(dtype).removeprefix("torch.")
    message = rf"output\.bias is \(1,\) {kind} and should be \(1,\) float32 \(1 tensors differ\)"
    with pytest.raises(BadModel, match=message):
        load_weights(model, network())


@pytest.mark.parametrize("dtype", ["F4", "F8_E8M0", "F8_E4M3", "C64", "BOOL", "F128"])
def test_number_types_that_no_network_has_are_one_sentence(model: Path, dtype: str) -> None:
    """Some of them safetensors can name, and torch can't hold."""
    content = (model / WEIGHTS).read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    start, end = header["output.weight"]["data_offsets"]
    bits = {"F4": 4, "C64": 64, "F128": 128}.get(dtype, 8)
    header["output.weight"] |= {"dtype": dtype, "shape": [(end - start) * 8 // bits]}
    text = json.dumps(header).encode()
    weights = len(text).to_bytes(8, "little") + text + content[8 + size :]
    (model / WEIGHTS).write_bytes(weights)
    changed_card(model, sha256=hashlib.sha256(weights).hexdigest())
    with pytest.raises(BadModel, match=r"weights\.safetensors (is damaged|does not fit its card)") as error:
        load_weights(model, network())
    assert "\n" not in str(error.value)


def test_no_model_folder(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match="is no model folder"):
        load_card(tmp_path / "nothing")


def test_the_folder_of_a_run_leads_to_its_model(tmp_path: Path) -> None:
    (tmp_path / "run/model").mkdir(parents=True)
    (tmp_path / "run/model/card.yaml").write_text("kind: cells")
    with pytest.raises(
        BadModel, match=r"has no card\.yaml, so it is no complete model; the model of this run is .*run.model"
    ):
        load_card(tmp_path / "run")
