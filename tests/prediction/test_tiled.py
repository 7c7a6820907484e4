"""Maps put together from tiles are those of the whole image, and finished tiles are not computed again."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from frugalseg.errors import SettingsError, WrongShape
from frugalseg.images.read import read_image
from frugalseg.images.tile_store import TileStore
from frugalseg.images.write import write_image
from frugalseg.instances.stitch import label_tiles, stitch_tiles
from frugalseg.networks.encoders import EncoderName
from frugalseg.networks.object_net import CellNetwork, predict_maps_whole
from frugalseg.networks.patches import apply_flips, invert_flips
from frugalseg.networks.unet import Unet
from frugalseg.prediction.tiled import TILE_MARGINS, predict_tiles
from frugalseg.prediction.whole_image import ORIENTATIONS

SHAPE = (136, 264)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of small tiles, none of which has to survive a power cut."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture
def pooling() -> nn.Module:
    """Network of stride 8 with batch norm; it looks less than 40 px far."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.MaxPool2d(8),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.Upsample(scale_factor=8, mode="bilinear", align_corners=False),
        nn.Conv2d(8, 2, 5, padding=2),
    )
    network.train()(torch.randn(4, 2, 64, 64))
    return network.eval()


def image(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)


def run(
    network: nn.Module, planes: np.ndarray, folder: Path, core: int, margin: int, multiple: int
) -> TileStore:
    store = TileStore(folder, planes.shape[1:], core, {})
    predict_tiles(
        partial(predict_maps_whole, network), lambda window: planes[:, *window], store, margin, multiple
    )
    return store


def padded_maps(network: nn.Module, window: np.ndarray) -> np.ndarray:
    """Maps of a window that is no multiple of the stride, padded below and at the right, as a U-Net does it."""
    missing = [-size % 8 for size in window.shape[1:]]
    padded = np.pad(window, ((0, 0), (0, missing[0]), (0, missing[1])))
    return predict_maps_whole(network, padded)[:, : window.shape[1], : window.shape[2]]


def everything(store: TileStore) -> np.ndarray:
    return store.read("maps", (slice(0, store.shape[0]), slice(0, store.shape[1])))


@pytest.mark.parametrize(("core", "margin"), [(64, 40), (72, 48), (512, 40)])
def test_maps_are_those_of_the_whole_image(
    tmp_path: Path, pooling: nn.Module, core: int, margin: int
) -> None:
    planes = image()
    whole = predict_maps_whole(pooling, planes)
    maps = everything(run(pooling, planes, tmp_path / "work", core, margin, 8))
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, whole, atol=1e-5)


@pytest.mark.parametrize("shape", [(133, 261), (264, 136)])
@pytest.mark.parametrize("orientations", [4, 8])
def test_flips_of_tiles_are_those_of_the_whole_image(
    tmp_path: Path, pooling: nn.Module, orientations: int, shape: tuple[int, int]
) -> None:
    planes, compute = image(shape), partial(padded_maps, pooling)
    one_by_one = []
    for flips in ORIENTATIONS[:orientations]:
        seen = apply_flips(torch.from_numpy(planes), flips).numpy()
        one_by_one.append(invert_flips(torch.from_numpy(compute(np.ascontiguousarray(seen))), flips).numpy())
    store = TileStore(tmp_path / "work", shape, 64, {})
    predict_tiles(compute, lambda window: planes[:, *window], store, 40, 8, orientations=orientations)
    np.testing.assert_allclose(everything(store), np.mean(one_by_one, axis=0), atol=1e-5)
    assert np.abs(everything(store) - one_by_one[0]).max() > 1e-2


@pytest.mark.parametrize(("core", "margin", "multiple"), [(64, 8, 8), (68, 44, 4)])
def test_too_small_a_margin_or_another_grid_is_seen(
    tmp_path: Path, pooling: nn.Module, core: int, margin: int, multiple: int
) -> None:
    planes = image()
    store = TileStore(tmp_path / "work", SHAPE, core, {})
    predict_tiles(partial(padded_maps, pooling), lambda window: planes[:, *window], store, margin, multiple)
    assert np.abs(everything(store) - predict_maps_whole(pooling, planes)).max() > 1e-2


@pytest.mark.parametrize("shape", [(40, 650), (613, 33)])
def test_a_unet_sees_the_same_in_tiles_on_any_size(tmp_path: Path, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = Unet("small", 2, 2).eval()
    planes = image(shape)
    whole = predict_maps_whole(network, planes)
    maps = everything(run(network, planes, tmp_path / "work", 128, 192, 32))
    np.testing.assert_allclose(maps, whole, atol=1e-4 * max(1.0, float(np.abs(whole).max())))


@pytest.mark.parametrize("encoder", ["small", "efficientnet_lite0"])
def test_no_network_looks_beyond_its_margin(encoder: EncoderName) -> None:
    network, side = CellNetwork(encoder, 1).eval(), 2 * TILE_MARGINS[encoder] + 256
    stride, reach = network.unet.stride, 0
    for row in (
        side // 2 // stride * stride + shift for shift in (0, 1, stride // 2, stride - 2, stride - 1)
    ):
        planes = torch.zeros(1, 1, side, stride)
        planes[:, :, row] = torch.nan
        with torch.inference_mode():
            touched = torch.nonzero(network(planes)[0].isnan().any(dim=(0, 2)))
        reach = max(reach, row - int(touched.min()), int(touched.max()) - row)
    assert TILE_MARGINS[encoder] / 2 < reach <= TILE_MARGINS[encoder]


def test_finished_tiles_are_not_computed_again(tmp_path: Path, pooling: nn.Module) -> None:
    planes = image()
    compute, calls = partial(predict_maps_whole, pooling), []

    def interrupted(window: np.ndarray) -> np.ndarray:
        calls.append(window.shape)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return compute(window)

    read = lambda window: planes[:, *window]  # noqa: E731
    store = TileStore(tmp_path / "work", SHAPE, 64, {"model": "a"})
    with pytest.raises(KeyboardInterrupt):
        predict_tiles(interrupted, read, store, 40, 8)
    calls.clear()
    progress_calls: list[tuple[int, int]] = []

    def counted(window: np.ndarray) -> np.ndarray:
        calls.append(window.shape)
        return compute(window)

    again = TileStore(tmp_path / "work", SHAPE, 64, {"model": "a"})
    predict_tiles(counted, read, again, 40, 8, progress=lambda done, of: progress_calls.append((done, of)))
    assert len(calls) == 15 - 5
    assert progress_calls == [(i, 15) for i in range(1, 16)]
    np.testing.assert_allclose(everything(again), compute(planes), atol=1e-5)


def test_maps_of_another_size_are_refused(tmp_path: Path) -> None:
    store = TileStore(tmp_path / "work", (64, 64), 64, {})
    for bad in (np.zeros((1, 8, 8)), np.zeros((64, 64))):
        with pytest.raises(WrongShape, match="maps of a window"):
            predict_tiles(lambda _, bad=bad: bad, lambda _: np.zeros((1, 64, 64), np.float32), store, 32)
    with pytest.raises(SettingsError, match="multiple of 32"):
        predict_tiles(
            lambda x: x,
            lambda _: np.zeros((1, 1, 1), np.float32),
            TileStore(tmp_path / "b", (9, 9), 20, {}),
            32,
        )


def test_from_file_to_file(tmp_path: Path, pooling: nn.Module) -> None:
    """The whole chain on a file, against the same in memory."""
    planes = image()
    write_image(tmp_path / "a.tif", planes, ["a", "b"], (0.5, 0.5))
    pixels = read_image(tmp_path / "a.tif").pixels
    store = TileStore(tmp_path / "work", SHAPE, 64, {})
    predict_tiles(partial(predict_maps_whole, pooling), lambda window: pixels[:, 0, *window], store, 40, 8)
    whole = predict_maps_whole(pooling, planes)
    np.testing.assert_allclose(everything(store), whole, atol=1e-5)

    # A threshold in the widest gap between grey values, so that rounding can't move a pixel across it.
    values = np.unique(whole[0])
    middle = slice(len(values) * 6 // 10, len(values) * 7 // 10)
    at = middle.start + int(np.argmax(np.diff(values[middle])))
    threshold = (values[at] + values[at + 1]) / 2
    label_tiles(store, lambda maps: ndimage.label(maps[0] > threshold)[0], largest=16)
    labels = stitch_tiles(store).whole()
    expected = ndimage.label(whole[0] > threshold)[0]
    assert expected.max() > 10
    # ndimage numbers in raster order of first pixels, as we do.
    np.testing.assert_array_equal(labels, expected)
