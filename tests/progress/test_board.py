"""The board, as text on terminals of several sizes."""

import re

import pytest
from finished_runs import epochs
from rich.console import Console

from convnets.progress.board import Board, Terminal
from convnets.progress.trainings import Training

LONG = "a_variant_whose_id_is_so_long_that_no_terminal_of_eighty_columns_can_show_it_beside_its_numbers"


def shown(board: Board, width: int, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(board)
    return capture.get().splitlines()


def training(variant: str, done: int) -> Training:
    return Training(variant, "1", 30, epochs(done)[0])


@pytest.mark.parametrize("width", [40, 80, 140])
def test_each_training_is_a_line_with_its_epoch_and_its_last_numbers(width: int) -> None:
    board = Board((3, 8), (4, 16), [training("mlp100", 0), training("conv1", 4)], ["get_cifar10, for 3 s"], 600.0)
    lines = shown(board, width)
    assert all(len(line) <= width - len("^C") for line in lines)  # which a terminal shows behind the last line
    assert lines[1].startswith("3 of 8 runs, 4 of 16 other steps")
    assert lines[2] == "  get_cifar10, for 3 s".ljust(len(lines[2]))
    assert re.fullmatch(r"  mlp100/seed1 .*epoch  1/30 *", lines[3])
    if width >= 80:
        assert re.fullmatch(r"  conv1/seed1 .* epoch  5/30 validation loss 0\.475 accuracy 0\.200", lines[4])
        assert re.search(r"trainings until about .*\d\d:\d\d, 10 min left", lines[1])
    assert ("━" in lines[4]) == (width == 140)


def test_a_name_without_room_is_cut() -> None:
    assert all(len(line) <= 80 for line in shown(Board((0, 1), (0, 1), [training(LONG, 3)], [], None), 80))


def test_a_low_terminal_shows_the_first_trainings() -> None:
    lines = shown(Board((0, 40), (0, 0), [training(f"v{number}", 1) for number in range(40)], [], None), 80, height=10)
    assert len(lines) < 10
    assert "  34 more trainings" in [line.rstrip() for line in lines]


def test_the_time_is_left_out_when_all_trainings_are_done() -> None:
    assert Board((8, 8), (4, 16), [], [], 0.0).summary() == "8 of 8 runs, 4 of 16 other steps"
    assert Board((7, 8), (4, 16), [], [], None).summary().endswith("time left not known yet")


def test_a_state_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What is shown does not matter to what runs, not even the first time."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")

    def lost() -> Board:
        raise ValueError("the folder is gone")

    terminal = Terminal()
    assert terminal.is_live
    terminal.show(lost)
    terminal.close()
    assert "the state cannot be read: ValueError: the folder is gone" in capsys.readouterr().err
