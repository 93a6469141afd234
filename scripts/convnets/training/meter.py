"""Measurement of a training's time, processor use and memory."""

import time

from convnets.hardware import resident_memory
from convnets.runs.records import Usage


class Meter:
    """Measures this process's use from now on, added to the seconds and core seconds that are given."""

    def __init__(self, seconds: float = 0.0, core_seconds: float = 0.0) -> None:
        self._wall, self._cpu = time.perf_counter() - seconds, time.process_time() - core_seconds

    def seconds(self) -> tuple[float, float]:
        """Return the wall time and the time of processors until now."""
        return time.perf_counter() - self._wall, time.process_time() - self._cpu

    def read(self) -> Usage:
        """Return what was used until now."""
        seconds, core_seconds = self.seconds()
        percent = 100 * core_seconds / seconds
        return Usage(ended=round(time.time(), 3), cpu_percent=round(percent, 1), memory_bytes=resident_memory())
