"""``frugalseg doctor``: what runs on this machine, and how fast."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from frugalseg.runs.machine_speed import (
    PATCH,
    DeviceSpeed,
    measure_devices,
    measure_disk,
    total_memory,
)
from frugalseg.runs.processors import usable_cpus
from frugalseg.runs.versions import versions


@dataclass(frozen=True)
class Diagnosis:
    """What was found on this machine. Memory and disk are in GB (10^9 bytes)."""

    versions: dict[str, str]
    cpus: int
    threads: int
    memory_gb: float | None
    devices: tuple[DeviceSpeed, ...]
    disk_folder: str
    disk_free_gb: float
    disk_write_mb_per_second: float


def check_machine(folder: str | Path = ".", seconds: float = 3.0) -> Diagnosis:
    """Describe the machine, and measure the speed of every device.

    Parameters
    ----------
    folder
        Where results would go; a temporary file is written there and removed.
    seconds
        Time to spend on each device, about.

    Raises
    ------
    OutputFailed
        Nothing can be written to `folder`.
    """
    folder = Path(folder)
    disk = measure_disk(folder)
    return Diagnosis(
        versions=versions(),
        cpus=usable_cpus(),
        threads=torch.get_num_threads(),
        memory_gb=total_memory(),
        devices=measure_devices(seconds),
        disk_folder=str(folder.resolve()),
        disk_free_gb=shutil.disk_usage(folder).free / 1e9,
        disk_write_mb_per_second=disk,
    )


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """Print versions, devices and the disk."""
    table = Table(title="versions", show_header=False)
    for name, version in diagnosis.versions.items():
        table.add_row(name, version)
    console.print(table)
    memory = "unknown" if diagnosis.memory_gb is None else f"{diagnosis.memory_gb:.1f} GB"
    console.print(f"{diagnosis.cpus} CPUs, {diagnosis.threads} threads, {memory} memory")
    devices = Table(title=f"speed of the paper's marker network, patches of {PATCH} x {PATCH} px per second")
    for title in ("device", "what", "memory", "training", "prediction"):
        devices.add_column(title, justify="left" if title in ("device", "what") else "right")
    for device in diagnosis.devices:
        size = "" if device.memory_gb is None else f"{device.memory_gb:.1f} GB"
        rates = (device.training_patches_per_second, device.prediction_patches_per_second)
        shown = [device.problem or "does not work" if rate is None else f"{rate:.0f}" for rate in rates]
        devices.add_row(device.name, device.what, size, *shown)
    console.print(devices)
    console.print(
        f"disk: {diagnosis.disk_free_gb:.0f} GB free in {diagnosis.disk_folder}, "
        f"writing {diagnosis.disk_write_mb_per_second:.0f} MB/s",
        markup=False,
    )
