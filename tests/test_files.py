"""Files that are whole or absent, and what the processor says of itself."""

import subprocess
from pathlib import Path

import pytest

from convnets import files, hardware


def test_a_file_appears_whole_under_its_name_only(tmp_path: Path) -> None:
    target = tmp_path / "new" / "data.csv"
    with files.atomic_path(target) as temporary:
        assert (temporary.parent, temporary.suffix) == (target.parent, ".csv")
        temporary.write_text("one")
        assert not target.exists()
    assert target.read_text() == "one"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_what_was_there_and_nothing_else(error: type[BaseException], tmp_path: Path) -> None:
    target = tmp_path / "data.csv"
    target.write_text("old")
    with pytest.raises(error), files.atomic_path(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_json_survives_and_refuses_what_json_cannot_hold(tmp_path: Path) -> None:
    value = {"a": 0.1, "b": [1, None], "c": "é"}
    files.write_json(tmp_path / "x.json", value)
    assert files.read_json(tmp_path / "x.json") == value
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert files.read_json(tmp_path / "x.json") == value


def test_sha256_is_that_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert files.sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : fpu avx2 fma avx512f avx512_bf16", True),
        ("flags : fpu avx2 amx_bf16 amx_tile", True),
        ("Features : fp asimd bf16 i8mm", True),
        ("flags : fpu avx2 fma avx512f", False),
        ("flags : not_avx512_bf16", False),
    ],
)
def test_bfloat16_is_read_from_the_processors_flags(
    flags: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    monkeypatch.setattr(hardware.platform, "system", lambda: "Linux")
    monkeypatch.setattr(hardware, "Path", lambda _: tmp_path / "cpuinfo")
    assert hardware.native_bfloat16() is expected


@pytest.mark.parametrize(("reply", "expected"), [("1\n", True), ("0\n", False), ("", False)])
def test_bfloat16_on_macos(reply: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for macOS's sysctl, which this test cannot count on."""
    monkeypatch.setattr(hardware.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(hardware.subprocess, "run", lambda *a, **_: subprocess.CompletedProcess(a, 0, stdout=reply))
    assert hardware.native_bfloat16() is expected
