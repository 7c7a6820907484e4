"""``frugalseg doctor`` measures this machine, and a device that fails is a result too."""

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console

from frugalseg.commands.check_machine import check_machine, print_diagnosis
from frugalseg.errors import OutputFailed
from frugalseg.runs.machine_speed import measure_device


def test_what_is_found(tmp_path: Path) -> None:
    found = check_machine(tmp_path, seconds=0.01)
    cpu = found.devices[0]
    assert (cpu.name, cpu.problem) == ("cpu", "")
    assert cpu.training_patches_per_second is not None
    assert cpu.prediction_patches_per_second is not None
    assert cpu.prediction_patches_per_second > cpu.training_patches_per_second > 0
    assert found.versions["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found.cpus >= 1
    assert found.threads == torch.get_num_threads()
    assert found.disk_write_mb_per_second > 0
    assert list(tmp_path.iterdir()) == []
    shown = io.StringIO()
    print_diagnosis(found, Console(file=shown, width=120))
    assert torch.__version__ in shown.getvalue()


def test_a_device_that_does_not_work_is_shown_with_its_reason() -> None:
    broken = measure_device("nosuchdevice", "?", None, 0.01)
    assert broken.training_patches_per_second is None
    assert "nosuchdevice" in broken.problem


def test_a_folder_that_can_not_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="nothing can be written"):
        check_machine(tmp_path / "missing")
