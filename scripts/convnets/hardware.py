"""What the processor offers."""

import platform
import subprocess
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
