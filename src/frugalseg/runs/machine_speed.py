"""What this machine has, and how fast a network trains and predicts on it."""

import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from frugalseg.errors import OutputFailed
from frugalseg.networks.marker_net import PAPER_WIDTHS, MarkerNetwork

PATCH = 64
BATCH = 16
DISK_BYTES = 16_000_000


@dataclass(frozen=True)
class DeviceSpeed:
    """One device and its speed.

    Attributes
    ----------
    name, what
        As torch calls it, and its model.
    memory_gb
        In 10^9 bytes, None where the system does not say.
    training_patches_per_second, prediction_patches_per_second
        Patches of 64 x 64 px through the paper's marker network; None where the device does not work.
    problem
        Why it does not work, in one line.
    """

    name: str
    what: str
    memory_gb: float | None
    training_patches_per_second: float | None
    prediction_patches_per_second: float | None
    problem: str = ""


def measure_devices(seconds: float) -> tuple[DeviceSpeed, ...]:
    """Measure every device of this machine, each for about `seconds`."""
    devices = [measure_device("cpu", platform.processor() or platform.machine(), total_memory(), seconds)]
    for i in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(i)
        devices.append(measure_device(f"cuda:{i}", card.name, card.total_memory / 1e9, seconds))
    if torch.backends.mps.is_available():
        devices.append(measure_device("mps", "Apple GPU", None, seconds))
    return tuple(devices)


def measure_device(name: str, what: str, memory_gb: float | None, seconds: float) -> DeviceSpeed:
    """Measure one device; where it does not work, `problem` says why."""
    try:
        training = _patches_per_second(name, True, seconds / 2)
        prediction = _patches_per_second(name, False, seconds / 2)
    except Exception as error:  # drivers fail in many types
        return DeviceSpeed(name, what, memory_gb, None, None, " ".join(str(error).split())[:200])
    return DeviceSpeed(name, what, memory_gb, training, prediction)


def measure_disk(folder: Path) -> float:
    """Return how many MB per second reach the disk of a folder.

    Raises
    ------
    OutputFailed
        Nothing can be written to it.
    """
    block = os.urandom(DISK_BYTES)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:  # without a name: a kill leaves nothing
            start = time.perf_counter()
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
            return DISK_BYTES / 1e6 / (time.perf_counter() - start)
    except OSError as error:
        raise OutputFailed(
            f"nothing can be written to {folder}: {error.strerror}; choose another folder"
        ) from error


def total_memory() -> float | None:
    """Return the machine's memory in GB, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def _patches_per_second(device: str, training: bool, seconds: float) -> float:
    network = MarkerNetwork(2, PAPER_WIDTHS).to(device).train(training)
    patches = torch.rand(BATCH, 2, PATCH, PATCH, device=device)

    def step() -> None:
        with torch.set_grad_enabled(training):
            loss = network(patches).square().mean()
            if training:
                network.zero_grad()
                loss.backward()
            loss.item()  # waits for the device

    step()  # the first one allocates
    start, steps = time.perf_counter(), 0
    while steps == 0 or time.perf_counter() - start < seconds:
        step()
        steps += 1
    return steps * BATCH / (time.perf_counter() - start)
