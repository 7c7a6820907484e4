"""``frugalseg doctor``: what runs on this machine, and how fast."""

import os
import platform
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from frugalseg.errors import OutputFailed
from frugalseg.networks.marker_net import PAPER_WIDTHS, MarkerNetwork
from frugalseg.workflows.versions import versions

PATCH = 64
BATCH = 16
DISK_BYTES = 16_000_000


@dataclass(frozen=True)
class Device:
    """One device and its speed: patches of 64 x 64 px per second through the paper's network, forward and back."""

    name: str
    what: str
    memory_gb: float | None
    training_patches_per_second: float | None
    prediction_patches_per_second: float | None
    problem: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What was found. Memory and disk are in GB (10^9 bytes)."""

    versions: dict[str, str]
    cpus: int
    threads: int
    memory_gb: float | None
    devices: tuple[Device, ...]
    disk_folder: str
    disk_free_gb: float
    disk_write_mb_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        content = asdict(self)
        content["devices"] = [asdict(device) for device in self.devices]
        return content


def examine(folder: str | Path = ".", seconds: float = 3.0) -> Diagnosis:
    """Look at the machine and time the paper's network on every device.

    Parameters
    ----------
    folder
        Where results would go; a temporary file is written there and removed.
    seconds
        Time to spend on each measurement, about.

    Raises
    ------
    OutputFailed
        Nothing can be written to `folder`.
    """
    folder = Path(folder)
    speed = _disk_speed(folder)
    devices = [_time_device("cpu", platform.processor() or platform.machine(), total_memory(), seconds)]
    for i in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(i)
        devices.append(_time_device(f"cuda:{i}", card.name, card.total_memory / 1e9, seconds))
    if torch.backends.mps.is_available():
        devices.append(_time_device("mps", "Apple GPU", None, seconds))
    return Diagnosis(
        versions=versions(),
        cpus=usable_cpus(),
        threads=torch.get_num_threads(),
        memory_gb=total_memory(),
        devices=tuple(devices),
        disk_folder=str(folder.resolve()),
        disk_free_gb=shutil.disk_usage(folder).free / 1e9,
        disk_write_mb_per_second=speed,
    )


def usable_cpus() -> int:
    """How many CPUs this process may use, which can be fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def total_memory() -> float | None:
    """Memory of the machine in GB, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def _time_device(name: str, what: str, memory_gb: float | None, seconds: float) -> Device:
    """A device that is there but does not work is a finding, not a crash."""
    try:
        training = _patches_per_second(name, True, seconds / 2)
        prediction = _patches_per_second(name, False, seconds / 2)
    except Exception as error:  # drivers fail in many types
        return Device(name, what, memory_gb, None, None, " ".join(str(error).split())[:200])
    return Device(name, what, memory_gb, training, prediction)


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


def _disk_speed(folder: Path) -> float:
    """MB per second that reach the disk."""
    block = os.urandom(DISK_BYTES)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".frugalseg-") as file:
            start = time.perf_counter()
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
            return DISK_BYTES / 1e6 / (time.perf_counter() - start)
    except OSError as error:
        raise OutputFailed(
            f"nothing can be written to {folder}: {error.strerror}; choose another folder"
        ) from error


def print_diagnosis(found: Diagnosis, console: Console) -> None:
    """Print versions, devices and the disk."""
    table = Table(title="versions", show_header=False)
    for name, version in found.versions.items():
        table.add_row(name, version)
    console.print(table)
    memory = "unknown" if found.memory_gb is None else f"{found.memory_gb:.1f} GB"
    console.print(f"{found.cpus} CPUs, {found.threads} threads, {memory} memory")
    devices = Table(title=f"speed of the paper's network, patches of {PATCH} x {PATCH} px per second")
    for title in ("device", "what", "memory", "training", "prediction"):
        devices.add_column(title, justify="left" if title in ("device", "what") else "right")
    for one in found.devices:
        size = "" if one.memory_gb is None else f"{one.memory_gb:.1f} GB"
        rates = (one.training_patches_per_second, one.prediction_patches_per_second)
        shown = [one.problem or "does not work" if rate is None else f"{rate:.0f}" for rate in rates]
        devices.add_row(one.name, one.what, size, *shown)
    console.print(devices)
    console.print(
        f"disk: {found.disk_free_gb:.0f} GB free in {found.disk_folder}, "
        f"writing {found.disk_write_mb_per_second:.0f} MB/s",
        markup=False,
    )
