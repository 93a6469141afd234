"""The memory that a process may still take, on control groups as Linux shows them: put on, since the real ones are the host's."""

from pathlib import Path

import psutil
import pytest

from convnets import hardware

MIB = 2**20


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> None:
    """8000 MiB are available on the machine."""
    machine = psutil.virtual_memory()._replace(available=8000 * MIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)


def write_group(folder: Path, names: tuple[str, str, str], limit: str, used: int, droppable: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{names[2]} {droppable}\n")


def write_processes(folder: Path, group: str) -> Path:
    (folder / "self").mkdir(parents=True)
    (folder / "self" / "cgroup").write_text(f"{group}\n")
    return folder


VERSION_2 = ("memory.max", "memory.current", "inactive_file")
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


@pytest.mark.usefixtures("left")
@pytest.mark.parametrize("limited", ["", "job_7", "job_7/step_0", "job_7/step_0/task_0"])
def test_a_limit_counts_wherever_it_stands_above_the_process(limited: str, tmp_path: Path) -> None:
    """Slurm limits a job and its steps, and not the groups of tasks below them."""
    processes, groups = write_processes(tmp_path / "proc", "0::/job_7/step_0/task_0"), tmp_path / "cgroup"
    for group in ("", "job_7", "job_7/step_0", "job_7/step_0/task_0"):
        write_group(groups / group, VERSION_2, str(2000 * MIB) if group == limited else "max", 1500 * MIB, 100 * MIB)
    assert hardware.available_memory(processes, groups) == 600 * MIB


@pytest.mark.usefixtures("left")
def test_without_a_limit_it_is_what_the_machine_has_left(tmp_path: Path) -> None:
    processes = write_processes(tmp_path / "proc", "0::/job_7")
    write_group(tmp_path / "cgroup" / "job_7", VERSION_2, "max", 1500 * MIB, 0)
    assert hardware.available_memory(processes, tmp_path / "cgroup") == 8000 * MIB


@pytest.mark.usefixtures("left")
def test_version_1_of_control_groups(tmp_path: Path) -> None:
    processes = write_processes(tmp_path / "proc", "4:cpu,memory:/job_7/step_0")
    write_group(tmp_path / "cgroup" / "memory" / "job_7", VERSION_1, str(1000 * MIB), 300 * MIB, 0)
    write_group(tmp_path / "cgroup" / "memory" / "job_7" / "step_0", VERSION_1, str(2**63 - 4096), 300 * MIB, 0)
    assert hardware.available_memory(processes, tmp_path / "cgroup") == 700 * MIB


@pytest.mark.usefixtures("left")
def test_without_control_groups_it_is_what_the_machine_has_left(tmp_path: Path) -> None:
    assert hardware.available_memory(tmp_path / "proc", tmp_path / "cgroup") == 8000 * MIB


def test_the_memory_of_this_machine() -> None:
    assert 2**20 < hardware.available_memory() < 2**50


def test_the_memory_of_this_process() -> None:
    before = hardware.resident_memory()
    taken = bytearray(b"1" * (200 * MIB))
    grown = hardware.resident_memory()
    assert grown - before > 150 * MIB
    del taken
    assert hardware.peak_memory() >= grown
