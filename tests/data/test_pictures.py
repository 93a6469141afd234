"""A folder of pictures as a data set: what is known of it at planning, what is read, and what is refused."""

import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from own_data import NAMES, images, write_pictures
from PIL import Image

from convnets import hardware
from convnets.data import dataset, readers
from convnets.data.images import Description, Place
from convnets.errors import InputError

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def describe(folder: Path, size: tuple[int, int] | None = None) -> Description:
    return readers.describe("images", Place(str(folder), size))


def read(folder: Path, size: tuple[int, int] | None = None) -> dataset.Content:
    return readers.read("images", Place(str(folder), size), [], describe(folder, size).identity)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


@pytest.mark.parametrize("channels", MODES)
def test_it_is_described_and_read(channels: int, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path, channels)
    described = describe(folder)
    assert (described.format.shape, described.format.classes) == ((12, 10, channels), NAMES)
    assert described.counts == {"train": 60, "test": 12}
    content = read(folder)
    pixels, labels = images(60, channels)
    order = np.argsort(labels, kind="stable")
    np.testing.assert_array_equal(content.train.images, pixels[order])
    np.testing.assert_array_equal(content.train.labels, labels[order])
    assert content.train.labels.dtype == np.uint8


def test_jpeg_of_any_case(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path, 3, suffix="jpg")
    (folder / "train" / "cat" / "000.jpg").rename(folder / "train" / "cat" / "000.JPEG")
    assert read(folder).train.images.shape == (60, 12, 10, 3)


def test_pictures_are_resized(folder: Path) -> None:
    Image.fromarray(np.zeros((30, 31), np.uint8)).save(folder / "train" / "cat" / "large.png")
    described, content = describe(folder, (6, 5)), read(folder, (6, 5))
    assert described.format.shape == (6, 5, 1)
    assert described.identity["size"] == [6, 5]
    assert described.identity != describe(folder, (6, 6)).identity
    with Image.open(folder / "train" / "cat" / "000.png") as picture:
        expected = np.asarray(picture.resize((5, 6), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(content.train.images[0, ..., 0], expected)


def test_a_palette_becomes_colours(tmp_path: Path) -> None:
    """With its transparent colours, if it has any; and black and white becomes grey."""
    folder = write_pictures(tmp_path, 3)
    before = read(folder).train.images
    path = folder / "train" / "cat" / "000.png"
    with Image.open(path) as picture:
        picture.quantize(256).save(path)
    with Image.open(path) as picture:
        assert picture.mode == "P"
    np.testing.assert_array_equal(read(folder).train.images[1:], before[1:])
    with Image.open(path) as picture:
        picture.save(path, transparency=0)
    with pytest.raises(InputError, match=r"is RGB and .*000\.png is RGBA; convert the pictures to one mode"):
        read(folder)
    grey = write_pictures(tmp_path / "grey")
    Image.new("1", (10, 12), 1).save(grey / "train" / "cat" / "000.png")
    assert (read(grey).train.images[0] == 255).all()


def test_only_names_and_contents_count(folder: Path, tmp_path: Path) -> None:
    before = describe(folder).identity
    os.utime(folder / "train" / "cat" / "000.png", (1, 1))
    shutil.copytree(folder, tmp_path / "elsewhere", copy_function=shutil.copy)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "train" / "cat" / ".DS_Store").write_text("hidden")
    (folder / "README.txt").write_text("beside train and test")
    places = [folder, tmp_path / "elsewhere", tmp_path / "link", Path(os.path.relpath(folder))]
    assert [describe(path).identity for path in places] == [before] * 4


CHANGES: dict[str, Callable[[Path], object]] = {
    "a picture added": lambda cats: shutil.copy(cats / "000.png", cats / "new.png"),
    "a picture removed": lambda cats: (cats / "000.png").unlink(),
    "a picture renamed": lambda cats: (cats / "000.png").rename(cats / "zzz.png"),
    "two pictures changed for each other": lambda cats: [
        (cats / old).rename(cats / new) for old, new in (("000.png", "x.png"), ("003.png", "000.png"), ("x.png", "003.png"))
    ],
    "another class": lambda cats: (cats / "000.png").rename(cats.with_name("dog") / "000.png"),
    "another part": lambda cats: (cats / "000.png").rename(cats.parents[1] / "test" / "cat" / "added.png"),
    "one pixel": lambda cats: Image.fromarray(np.full((12, 10), 7, np.uint8)).save(cats / "000.png"),
    "a class renamed": lambda cats: [
        (cats.parents[1] / part / "cat").rename(cats.parents[1] / part / "cow") for part in ("train", "test")
    ],
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_changes_the_identity(case: str, folder: Path) -> None:
    before = describe(folder).identity
    CHANGES[case](folder / "train" / "cat")
    assert describe(folder).identity != before
    with pytest.raises(InputError, match="has changed since the workflow was planned; run the workflow again"):
        readers.read("images", Place(str(folder)), [], before)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def huge(side: int) -> bytes:
    """Return a small PNG file that claims to be a picture of side x side pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(side * 100))) + chunk(b"IEND", b"")


def cut(path: Path, count: int = 30) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "another size": (
        lambda cats: Image.new("L", (10, 13)).save(cats / "003.png"),
        r"cat/003\.png has 13 x 10 pixels and .*cat/000\.png has 12 x 10; set dataset\.size to \[height, width\]",
    ),
    "another mode": (
        lambda cats: Image.new("RGB", (10, 12)).save(cats / "003.png"),
        r"cat/003\.png is RGB and .*cat/000\.png is L; convert the pictures to one mode",
    ),
    "16 bits": (
        lambda cats: Image.fromarray(np.zeros((12, 10), np.uint16)).save(cats / "003.png"),
        r"cat/003\.png has the mode I;16; save it as 8-bit grey, RGB or RGBA",
    ),
    "four inks": (
        lambda cats: Image.new("CMYK", (10, 12)).save(cats / "003.jpg"),
        r"cat/003\.jpg has the mode CMYK; save it as 8-bit",
    ),
    "truncated": (lambda cats: cut(cats / "003.png"), r"cat/003\.png cannot be read as a PNG or JPEG picture \(.*; replace it, or"),
    "end missing": (lambda cats: cut(cats / "003.png", 12), r"cat/003\.png cannot be read as a PNG or JPEG picture"),
    "checksum missing": (lambda cats: cut(cats / "003.png", 14), r"cat/003\.png cannot be read as a PNG or JPEG picture"),
    "empty file": (lambda cats: (cats / "003.png").write_bytes(b""), r"cat/003\.png cannot be read as .*\(it is damaged, or of an"),
    "no picture": (lambda cats: (cats / "003.png").write_text("text"), r"cat/003\.png cannot be read as a PNG or JPEG picture"),
    "a picture of another format": (
        lambda cats: Image.new("L", (10, 12)).save(cats / "003.png", format="GIF"),
        r"cat/003\.png cannot be read as a PNG or JPEG picture \(it is damaged, or of another format\)",
    ),
    "bomb": (lambda cats: (cats / "003.png").write_bytes(huge(20_000)), r"cat/003\.png is too large to be decoded safely"),
    "smaller bomb": (lambda cats: (cats / "003.png").write_bytes(huge(10_000)), r"cat/003\.png is too large to be decoded safely"),
    "another suffix": (
        lambda cats: (cats / "a.webp").touch(),
        r"cat/a\.webp is no picture that can be read \(\.png, \.jpg, \.jpeg\)",
    ),
    "a folder among pictures": (lambda cats: (cats / "more.png").mkdir(), r"more\.png is no picture that can be read"),
    "a file among classes": (
        lambda cats: (cats.parent / "list.txt").touch(),
        r"list\.txt is no folder; .*train should hold one folder",
    ),
    "an empty class": (lambda cats: empty(cats), r"train/cat holds no picture; each class needs some in both train and test"),
    "a class not tested": (lambda cats: shutil.rmtree(cats.parents[1] / "test" / "cat"), "test/cat holds no picture"),
    "a class not trained": (lambda cats: shutil.rmtree(cats), "train/cat holds no picture"),
    "no test": (
        lambda cats: shutil.rmtree(cats.parents[1] / "test"),
        "pictures/test is no folder; dataset.source should be a folder",
    ),
    "one class": (
        lambda cats: [shutil.rmtree(cats.parents[1] / part / name) for part in ("train", "test") for name in NAMES[1:]],
        "pictures has fewer than 2 classes; there should be from 2 to 1,000",
    ),
    "a picture linked": (
        lambda cats: (cats / "x.png").symlink_to("/etc/hostname"),
        r"cat/x\.png leads out of .*pictures, to /etc/hostname; put a copy in its place",
    ),
    "a class linked": (lambda cats: (cats.parent / "fox").symlink_to("/usr"), "train/fox leads out of"),
    "a part linked": (
        lambda cats: (shutil.rmtree(cats.parent), cats.parent.symlink_to("/usr")),
        "pictures/train leads out of",
    ),
    "a broken link": (lambda cats: (cats / "x.png").symlink_to("gone.png"), r"cat/x\.png cannot be read \(No such file"),
    "a name that cannot be printed": (
        lambda cats: cats.rename(cats.with_name("c\nt")),
        r"pictures/train holds the name 'c\\nt', which cannot be printed; give it another",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str, folder: Path) -> None:
    spoil, expected = REFUSED[case]
    spoil(folder / "train" / "cat")
    with pytest.raises(InputError, match=expected) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_a_link_that_stays_inside_is_followed(folder: Path) -> None:
    (folder / "train" / "cat" / "x.png").symlink_to("../dog/001.png")
    assert len(read(folder).train) == 61


def test_damage_of_any_byte_is_one_line(tmp_path: Path) -> None:
    """Cut anywhere or with a byte changed, a picture is read or refused."""
    for suffix in ("png", "jpg"):
        folder = write_pictures(tmp_path / suffix, 3, (6, 3), suffix)
        path = folder / "train" / "dog" / f"001.{suffix}"
        whole = path.read_bytes()
        damaged = [whole[:end] for end in range(0, len(whole), 37)]
        damaged += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(0, len(whole), 13)]
        refused = []
        for content in damaged:
            path.write_bytes(content)
            try:
                read(folder)
            except InputError as error:
                refused.append(str(error))
        assert len(refused) > len(damaged) / 4
        assert all(path.name in text and "\n" not in text for text in refused)


def test_more_than_the_memory_is_refused_before_it_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "available_memory", lambda: 2**20)
    with pytest.raises(InputError, match=r"pictures: its 72 images need about 100 MiB of memory to be prepared"):
        read(folder)
