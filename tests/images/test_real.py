"""Every field of every real set is read as its README describes it."""

from pathlib import Path

import numpy as np
import pytest

from frugalseg.commands.inspect_inputs import inspect_inputs
from frugalseg.images.fields import open_fields

SETS = {
    "phase_nuclear": (13, np.uint16, {(1080, 1280), (500, 500)}, ("cells", "nuclei")),
    "fluo_two_channel": (9, np.uint8, {(400, 400), (384, 512), (383, 512)}, ("cells",)),
    "brightfield_nuclear": (14, np.uint8, {(2048, 2048), (1024, 1024)}, ("nuclei",)),
    "phase_cells_t98g": (10, np.uint16, {(1022, 1024)}, ("cells",)),
    "phase_zstack_neurons": (1, np.uint16, {(1024, 1024)}, ()),
}
LABELLED = {
    "phase_nuclear": {"cells": 8, "nuclei": 1},
    "fluo_two_channel": {"cells": 9},
    "brightfield_nuclear": {"nuclei": 14},
    "phase_cells_t98g": {"cells": 10},
    "phase_zstack_neurons": {},
}


@pytest.mark.real
@pytest.mark.parametrize("name", SETS)
def test_every_field_is_read(real_data: Path, name: str) -> None:
    count, dtype, shapes, label_channels = SETS[name]
    table = open_fields([real_data / name])
    assert len(table) == count
    assert {field.shape for field in table} == shapes
    labelled = dict.fromkeys(label_channels, 0)
    for field in table:
        image_channels = [channel for channel in field.channels if channel not in label_channels]
        planes = field.planes(image_channels)
        assert planes.shape == (len(image_channels), *field.shape)
        assert planes.dtype == np.float32
        assert (np.ptp(planes, axis=(1, 2)) > 0).all()
        for channel in image_channels:
            image, index = field.reference(channel).open(field.name)
            assert image.pixels.dtype == dtype
            assert image.pixels.shape[1] == (
                5 if name == "phase_zstack_neurons" and channel == "phase" else 1
            )
            assert index == 0
        for channel in label_channels:
            labels = field.labels(channel)
            if labels is not None:
                labelled[channel] += 1
                assert labels.dtype == np.uint32
                assert labels.shape == field.shape
                assert labels.max() >= 3
    assert labelled == LABELLED[name]


@pytest.mark.real
@pytest.mark.parametrize("name", SETS)
def test_labels_are_distinguished_from_images(real_data: Path, name: str) -> None:
    found = inspect_inputs([real_data / name])
    assert not found.has_errors
    assert {row.channel for row in found.rows if row.labels is not None} == set(SETS[name][3])
    assert {row.channel for row in found.rows if row.labels is None}.isdisjoint(SETS[name][3])


@pytest.mark.real
def test_the_table_and_the_pattern_agree(real_data: Path) -> None:
    folder = real_data / "phase_nuclear"
    by_table = open_fields([folder], where=["split=test"])
    by_pattern = open_fields([folder], pattern="{field}_{channel}.tif")
    assert [field.name for field in by_table] == ["hela_5"]
    np.testing.assert_array_equal(by_table[0].plane("phase"), by_pattern["hela_5"].plane("phase"))
