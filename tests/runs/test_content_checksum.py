"""Images are known by what they hold: copies count as the same, and nothing else does."""

import os
import shutil
from pathlib import Path

import pytest

from frugalseg.errors import UnreadableFile
from frugalseg.runs.provenance import content_checksum


def test_a_copy_has_the_same_checksum_and_a_changed_byte_another(tmp_path: Path) -> None:
    image, copy = tmp_path / "a.tif", tmp_path / "b.tif"
    image.write_bytes(bytes(1000))
    shutil.copyfile(image, copy)
    os.utime(copy, ns=(1, 1))
    assert content_checksum(copy) == content_checksum(image)
    copy.write_bytes(bytes(999) + b"\1")
    assert content_checksum(copy) != content_checksum(image)


def test_a_folder_counts_with_all_that_is_in_it_but_labels(tmp_path: Path) -> None:
    image = tmp_path / "a.zarr"
    (image / "0" / "c").mkdir(parents=True)
    (image / "0" / "zarr.json").write_text("{}")
    (image / "0" / "c" / "0").write_bytes(b"abc")
    before = content_checksum(image)
    shutil.copytree(image, tmp_path / "b.zarr")
    assert content_checksum(tmp_path / "b.zarr") == before
    (image / "labels").mkdir()
    (image / "labels" / "cells").write_text("1")
    assert content_checksum(image) == before
    (image / "0" / "c" / "1").write_bytes(b"")
    added = content_checksum(image)
    (image / "0" / "c" / "1").rename(image / "0" / "c" / "2")
    assert len({before, added, content_checksum(image)}) == 3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"none\.tif can't be read: No such file"):
        content_checksum(tmp_path / "none.tif")
