"""The machine's processor and memory, and the memory of this process."""

import math
import platform
import resource
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil

# Instruction sets that multiply bfloat16 matrices: x86-64 (AVX-512, AMX) and Arm.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def native_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 in hardware, as its operating system reports."""
    if platform.system() == "Darwin":
        reply = subprocess.run(["sysctl", "-n", "hw.optional.arm.FEAT_BF16"], capture_output=True, text=True, check=False)
        return reply.stdout.strip() == "1"
    with suppress(OSError):
        return not BFLOAT16_FLAGS.isdisjoint(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    return False


def processor() -> str:
    """Return the processor's name."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def resident_memory() -> int:
    """Return the resident memory of this process in bytes."""
    return psutil.Process().memory_info().rss


def peak_memory() -> int:
    """Return the peak resident memory of this process in bytes. psutil does not know it on Linux and macOS."""
    with suppress(OSError, KeyError):  # `getrusage` on Linux begins with the memory of the process that started this one
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if platform.system() == "Darwin" else peak * 1024  # macOS counts bytes, Linux KiB


def available_memory(processes: Path = Path("/proc"), control_groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes of memory that this process may still allocate.

    On Linux, a control group of this process (a container, a batch job or a group around it) may have less left than the machine;
    psutil knows no control groups. Reclaimable pages of files count as free.
    """
    left = psutil.virtual_memory().available
    try:
        groups = (processes / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return left
    for line in groups:
        _, controllers, path = line.split(":", 2)
        root, names = control_groups, ("memory.max", "memory.current", "inactive_file")
        if controllers:  # version 1 of control groups
            root, names = control_groups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        if not controllers or "memory" in controllers.split(","):
            group = root / path.strip("/")
            for folder in (group, *(above for above in group.parents if above.is_relative_to(root))):
                left = int(min(left, _left_in_group(folder, *names)))
    return left


def _left_in_group(folder: Path, limit: str, used: str, droppable: str) -> float:
    """Return the bytes that a control group has left, or infinity where it has no limit."""
    try:
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines())
        allowed, taken = (int((folder / name).read_text(encoding="utf-8")) for name in (limit, used))
        return allowed - taken + int(statistics[droppable])
    except (OSError, ValueError, KeyError):
        return math.inf
