"""Settings of commands are checked when they are made, before anything is read."""

import pytest
from pydantic import ValidationError

from frugalseg.commands.command_settings import LearnLabelsSettings, LearnStainsSettings


def test_a_crop_that_fits_in_no_memory_is_refused_as_it_is_asked_for() -> None:
    for kind, more in (
        (LearnStainsSettings, {"inputs": "phase", "to": "dapi"}),
        (LearnLabelsSettings, {"inputs": "phase", "labels": "cells", "target": "cells"}),
    ):
        assert kind.model_validate({**more, "crop": 4096}).crop == 4096
        with pytest.raises(ValidationError, match="less than or equal to 4096"):
            kind.model_validate({**more, "crop": 100000})
