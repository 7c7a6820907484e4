"""`_seg.npy` files of cellpose: objects beside the masks do no harm, and nothing that is said of an array is believed."""

import datetime
import io
import pickle
from collections import OrderedDict, deque
from decimal import Decimal
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pytest

from frugalseg.errors import UnreadableFile
from frugalseg.images.pickle_data import Unmade, read_pickle
from frugalseg.images.read import read_image

MASKS = np.arange(30, dtype=np.uint16).reshape(5, 6)


class Odd:
    """A class of another program, with a state."""

    def __init__(self) -> None:
        self.inner = {"a": {1: 2}, "b": MASKS}


def written(path: Path, pickled: bytes) -> Path:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
    path.write_bytes(header.getvalue() + pickled)
    return path


def read(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(read_image(path).pixels[0, 0])


@pytest.mark.parametrize("protocol", range(6))
def test_paths_dates_and_other_objects_do_not_hide_the_masks(tmp_path: Path, protocol: int) -> None:
    beside = [
        Path("a.tif"), PurePosixPath("b"), PureWindowsPath("c"), datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC),
        datetime.timedelta(1), Decimal("1.5"), OrderedDict(a=1), deque([1, 2]), Odd(), {1, 2}, frozenset({3}), 2**80,
        slice(1, 2), complex(1, 2), np.float32(3), np.array([Path("x")], object), b"bytes", bytearray(b"more"), 1.5, None, True,
    ]  # fmt: skip
    content = {
        "filename": Path("a.tif"),
        "saved": beside,
        5: MASKS,
        "masks": MASKS,
        "after": [beside, {"masks": 0}],
    }
    path = written(tmp_path / "a_seg.npy", pickle.dumps(np.array(content, object), protocol))
    np.testing.assert_array_equal(read(path), MASKS)


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "<i4", ">i8", "f4", ">f8", "b1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_masks_of_any_type_and_order_are_the_same(tmp_path: Path, kind: str, order: Any) -> None:
    masks = np.asarray(MASKS.astype(kind), order=order)
    np.save(tmp_path / "a_seg.npy", np.array({"masks": masks}, object), allow_pickle=True)
    found = read(tmp_path / "a_seg.npy")
    np.testing.assert_array_equal(found, masks)
    assert found.dtype == masks.dtype


def forged(state: tuple[Any, ...], name: str = "u2", data: bytes = MASKS.tobytes()) -> bytes:
    """A pickle whose masks have a dtype with this state, which numpy would take as it is."""
    dtype = pickle.dumps(state, 2)[2:-1]
    parts = [b"\x80\x02}X\x05\x00\x00\x00masks"]
    parts += [
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01K\x05K\x06\x86"
    ]
    parts += [
        b"cnumpy\ndtype\n(X",
        len(name).to_bytes(4, "little"),
        name.encode(),
        b"K\x00K\x01tR",
        dtype,
        b"b",
    ]
    parts += [b"\x89B", len(data).to_bytes(4, "little"), data, b"tbs."]
    return b"".join(parts)


def test_the_forged_pickles_below_are_read_with_a_true_state(tmp_path: Path) -> None:
    path = written(tmp_path / "a_seg.npy", forged((3, "<", None, None, None, -1, -1, 0)))
    np.testing.assert_array_equal(read(path), MASKS)


@pytest.mark.parametrize(
    ("state", "name", "data", "says"),
    [
        ((3, "<", None, ("a",), {"a": (None, 0)}, 8, 1, 0), "u2", MASKS.tobytes(), "not numbers"),
        ((3, "|", None, ("x",), {"x": ("O", 2**40)}, 16, 8, 63), "V16", bytes(480), "holds V16, not numbers"),
        ((3, "<", ("u2", (2**60,)), None, None, -1, -1, 0), "u2", MASKS.tobytes(), "not numbers"),
        ((3, "|", None, None, None, -1, -1, 63), "O8", bytes(240), "holds O8, not numbers"),
        ((3, "<", None, None, None, 2**40, 1, 0), "u2", b"", "0 bytes for masks of shape"),
        ((3, "Z", None, None, None, -1, -1, 0), "u2", MASKS.tobytes(), "byte order"),
        ((3,), "u2", MASKS.tobytes(), "can't be read"),
        ((3, "<", None, None, None, -1, -1, 0), "u8", MASKS.tobytes(), "60 bytes for masks of shape"),
        ((3, "<", None, None, None, -1, -1, 0), "M8", bytes(240), "holds M8, not numbers"),
        ((3, "<", None, None, None, -1, -1, 0), "u2,O", bytes(240), "not numbers"),
    ],
)
def test_a_forged_type_is_refused_and_never_made(
    tmp_path: Path, state: tuple[Any, ...], name: str, data: bytes, says: str
) -> None:
    path = written(tmp_path / "a_seg.npy", forged(state, name, data))
    with pytest.raises(UnreadableFile, match=says) as error:
        read_image(path)
    assert "a_seg.npy" in str(error.value)


def test_masks_that_are_no_array_are_refused(tmp_path: Path) -> None:
    for masks in (MASKS.tolist(), Path("a"), None, np.float32(3), np.array([[Path("a")]], object)):
        path = written(tmp_path / "a_seg.npy", pickle.dumps({"masks": masks}))
        with pytest.raises(UnreadableFile, match=r"no array 'masks'|not numbers"):
            read_image(path)


@pytest.mark.parametrize(
    "pickled",
    [
        b"(" * 300_000 + b"t" * 300_000 + b".",  # tuples in each other
        b"]" * 300_000 + b"a" * 299_999 + b".",
        b"}" + b"(" * 200_000 + b"t" * 200_000 + b"K\x01s.",  # as the key of a dictionary
        b"\x8f(" + b"(" * 200_000 + b"t" * 200_000 + b"\x90.",  # in a set
        b"cos\nsystem\n" * 2 + b")R" * 200_000 + b".",
        b"]q\x00h\x00a.",  # a list that holds itself
        b"B\xff\xff\xff\x7f.",  # bytes that are not there
        b"K\x01b.", b"R.", b"0.", b"h\x07.", b"\x93.", b"", b"garbage",
    ],
)  # fmt: skip
def test_hostile_and_damaged_pickles_are_one_line(tmp_path: Path, pickled: bytes) -> None:
    path = written(tmp_path / "a_seg.npy", pickled)
    with pytest.raises(UnreadableFile, match=r"a_seg\.npy") as error:
        read_image(path)
    assert len(str(error.value)) < 400


def test_arrays_of_other_things_than_numbers_are_never_loaded(tmp_path: Path) -> None:
    for array in (
        np.zeros((4, 4), "M8[s]"),
        np.zeros((4, 4), "U3"),
        np.zeros((4, 4), "u2,f4"),
        np.zeros((4, 4), complex),
    ):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(UnreadableFile, match="not numbers"):
            read_image(tmp_path / "a.npy")


def test_objects_stay_notes_of_what_would_be_called() -> None:
    found = read_pickle(pickle.dumps([Odd(), Path("a"), {"k": {1, 2}}], 2))
    assert isinstance(found[0], Unmade)
    assert found[0].call.endswith("test_seg_npy.Odd")
    assert found[0].state["inner"]["a"] == {}  # the key was no text
    assert found[1].call.startswith("pathlib.")
    assert found[1].arguments == ("a",)
    assert found[2]["k"].arguments == ([1, 2],)
