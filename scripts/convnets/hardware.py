"""What the processor offers."""

import platform
import subprocess
from contextlib import suppress
from pathlib import Path

# Instruction sets that multiply bfloat16 matrices: x86-64 (AVX-512, AMX) and Arm.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def native_bfloat16() -> bool:
    """Return whether this processor multiplies bfloat16 in hardware, as its operating system reports."""
    if platform.system() == "Darwin":
        reply = subprocess.run(["sysctl", "-n", "hw.optional.arm.FEAT_BF16"], capture_output=True, text=True, check=False)
        return reply.stdout.strip() == "1"
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return False
    return not BFLOAT16_FLAGS.isdisjoint(words)


def available_memory() -> int | None:
    """Return the bytes of memory that this process may still take, or None where the system does not say so as Linux does.

    That is what the machine has left, or what the control group (of a container or a batch job) has, if that is less.
    """
    try:
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines())
        left = int(fields["MemAvailable"].split()[0]) * 1024
        group = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()[-1].split("::")[-1]
    except (OSError, KeyError, ValueError, IndexError):
        return None
    for folder in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup") / group.strip("/")):
        with suppress(OSError, ValueError):  # no such limit
            limit, used = (int((folder / name).read_text(encoding="utf-8")) for name in ("memory.max", "memory.current"))
            left = min(left, limit - used)
    return left
