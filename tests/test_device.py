"""How TensorFlow is started on a GPU, as far as that shows without one: what it is told, with its answers put on."""

import subprocess
import sys
from typing import Any
from unittest import mock

import pytest
from conftest import ROOT

from convnets import device
from convnets.errors import InputError


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> mock.MagicMock:
    """TensorFlow's configuration, with two GPUs."""
    config = mock.MagicMock()
    config.list_physical_devices.return_value = ["first", "second"]
    config.experimental.get_device_details.return_value = {"device_name": "NVIDIA A100"}
    monkeypatch.setattr(device.tf, "config", config)
    return config


def test_one_gpu_is_used_with_growing_memory_and_deterministically(told: mock.MagicMock) -> None:
    assert device.configure(2, gpu=True) == device.Device("NVIDIA A100", 2, deterministic=True)
    told.set_visible_devices.assert_called_once_with(["first"], "GPU")
    told.experimental.set_memory_growth.assert_called_once_with("first", True)
    told.experimental.enable_op_determinism.assert_called_once_with()
    names = [name for name, *_ in told.mock_calls]
    assert names.index("set_visible_devices") < names.index("experimental.set_memory_growth")


def test_a_gpu_without_a_name_is_one_all_the_same(told: mock.MagicMock) -> None:
    told.experimental.get_device_details.return_value = {}
    assert device.configure(1, gpu=True).name == "GPU"


@pytest.mark.parametrize(("threads", "deterministic"), [(1, True), (2, False)])
def test_without_being_asked_for_none_is_used(threads: int, deterministic: bool, told: Any) -> None:
    assert device.configure(threads) == device.Device("CPU", threads, deterministic)
    told.set_visible_devices.assert_called_once_with([], "GPU")
    told.experimental.set_memory_growth.assert_not_called()
    told.experimental.enable_op_determinism.assert_not_called()


def test_a_gpu_that_is_not_there(told: mock.MagicMock) -> None:
    told.list_physical_devices.return_value = []
    with pytest.raises(InputError, match=r"TensorFlow sees none here; .* set resources gpu=0"):
        device.configure(1, gpu=True)


def test_errors_of_the_library_are_shown_and_its_notices_are_not() -> None:
    """Notices of the import too, and what is written just before an abort."""
    write = 'os.write(2, b"I0000 00:00:1.2 a notice\\nW0000 00:00:1.2 a warning\\nF0000 00:00:1.2 no AVX\\n"); os.abort()'
    code = f"import os; from convnets import device; device.configure(1)\nwith device._without(device.NOISE):\n    {write}"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT / "scripts")}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-6, "F0000 00:00:1.2 no AVX\n")
