"""An `.npz` file as a data set: what is known of it at planning, what is read, and what is refused."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_data import NAMES, arrays, write_arrays

from convnets import hardware
from convnets.data import dataset, readers
from convnets.data.images import Place
from convnets.errors import InputError


def place(path: Path) -> Place:
    return Place(str(path))


def read(path: Path) -> dataset.Content:
    described = readers.describe("arrays", place(path))
    return readers.read("arrays", place(path), [], described.identity)


def member(array: Any) -> bytes:
    """Return an array as a member of an archive holds it."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), allow_pickle=True)
    return file.getvalue()


def test_it_is_described_and_read(tmp_path: Path) -> None:
    path = write_arrays(tmp_path / "a.npz")
    described = readers.describe("arrays", place(path))
    assert (described.format.shape, described.format.classes) == ((12, 10, 1), NAMES)
    assert described.counts == {"train": 60, "test": 12}
    assert described.identity == {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    content, given = read(path), arrays()
    for split, part in ((content.train, "train"), (content.test, "test")):
        np.testing.assert_array_equal(split.images[..., 0], given[f"x_{part}"])
        np.testing.assert_array_equal(split.labels, given[f"y_{part}"])
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels_labels_in_a_column_and_the_order_of_fortran(channels: int, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(256, size=(12, 5, 7, channels)).astype(np.uint8)
    y = (np.arange(12) % 2).astype(np.int8)[:, None]
    path = write_arrays(tmp_path / "a.npz", x_train=np.asfortranarray(x), y_train=y, x_test=x, y_test=y, class_names=None)
    described = readers.describe("arrays", place(path))
    assert (described.format.shape, described.format.classes) == ((5, 7, channels), ("0", "1"))
    content = read(path)
    np.testing.assert_array_equal(content.train.images, x)
    assert content.train.images.flags.c_contiguous
    assert content.train.labels.shape == (12,)


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64", "uint64", ">i4"])
def test_labels_of_any_whole_type(kind: str, tmp_path: Path) -> None:
    path = write_arrays(tmp_path / "a.npz", y_train=LABELS.astype(kind))
    content = read(path)
    np.testing.assert_array_equal(content.train.labels, LABELS)
    assert content.train.labels.dtype == np.uint8


def test_many_classes_have_wider_labels(tmp_path: Path) -> None:
    y = np.arange(300)
    x = np.zeros((300, 2, 2), np.uint8)
    path = write_arrays(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y, class_names=None)
    content = read(path)
    assert content.train.labels.dtype == np.uint16
    np.testing.assert_array_equal(content.train.labels, y)


def test_two_contents_have_two_identities(tmp_path: Path) -> None:
    one = write_arrays(tmp_path / "a.npz")
    x = arrays()["x_train"].copy()
    x[7, 3, 3] ^= 1
    other = write_arrays(tmp_path / "b.npz", x_train=x)
    identities = [readers.describe("arrays", place(path)).identity for path in (one, other)]
    assert identities[0] != identities[1]
    with pytest.raises(InputError, match=r"b\.npz has changed since the workflow was planned; run the workflow again"):
        readers.read("arrays", place(other), [], identities[0])


LABELS = arrays()["y_train"]
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no labels": ({"y_test": None}, "has no y_test; it should have x_train, y_train, x_test and y_test"),
    "floating images": ({"x_train": arrays()["x_train"] / 255}, "x_train holds float64; it should hold uint8"),
    "wider images": ({"x_test": arrays()["x_test"].astype(np.int32)}, "x_test holds int32; it should hold uint8"),
    "flat images": ({"x_train": np.zeros((60, 120), np.uint8)}, "x_train has the shape 60 x 120; it should be images x height x"),
    "five channels": ({"x_train": np.zeros((60, 12, 10, 5), np.uint8)}, "60 x 12 x 10 x 5; .* channels, from 1 to 4"),
    "no images": ({"x_train": np.zeros((0, 12, 10), np.uint8), "y_train": LABELS[:0]}, "x_train has the shape 0 x 12 x 10"),
    "two shapes": (
        {"x_test": np.zeros((12, 10, 12), np.uint8)},
        "12 x 10 x 1 and x_test of 10 x 12 x 1; all should be of one shape",
    ),
    "floating labels": ({"y_train": LABELS / 1}, "y_train holds float64; it should hold whole numbers"),
    "one-hot labels": (
        {"y_train": np.eye(3, dtype=int)[LABELS]},
        "y_train has the shape 60 x 3; each of 60 images should have one",
    ),
    "a label too few": ({"y_train": LABELS[1:]}, "y_train has the shape 59; each of 60 images should have one label"),
    "negative label": ({"y_train": np.where(LABELS == 2, -1, LABELS)}, "y_train holds the label -1; labels count from 0"),
    "label without a name": (
        {"y_train": np.where(LABELS == 2, 3, LABELS)},
        "class_names has 3 names, and the labels go from 0 to 3",
    ),
    "label out of all bounds": (
        {"y_train": np.where(LABELS == 2, 2**62, LABELS), "class_names": None},
        "has more than 1,000 classes; there should be from 2 to 1,000",
    ),
    "a name too many": ({"class_names": np.array([*NAMES, "fox"])}, "class_names has 4 names, and the labels go from 0 to 2"),
    "names alike": ({"class_names": np.array(["cat", "dog", "cat"])}, "two classes are named cat; give each a name of its own"),
    "a name that cannot be printed": ({"class_names": np.array(["cat", "d\ng", "eel"])}, r"the name 'd\\ng' of class 1 cannot be"),
    "a name of nothing": ({"class_names": np.array(["cat", "", "eel"])}, "the name '' of class 1 cannot be printed"),
    "names that are numbers": ({"class_names": np.arange(3)}, "class_names should be a list of texts"),
    "an empty class": (
        {"y_train": np.where(LABELS == 1, 0, LABELS)},
        r"y_train has no image of class 1 \(dog\); each needs some in both parts",
    ),
    "a class not tested": ({"y_test": np.arange(12) % 2}, r"y_test has no image of class 2 \(eel\)"),
    "one class": (
        {"y_train": LABELS * 0, "y_test": np.zeros(12, int), "class_names": None},
        "has fewer than 2 classes; there should be from 2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str, tmp_path: Path) -> None:
    changes, expected = REFUSED[case]
    path = write_arrays(tmp_path / "a.npz", **changes)
    with pytest.raises(InputError, match=expected) as caught:
        readers.describe("arrays", place(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["x_train", "y_train", "class_names"])
def test_pickles_are_not_loaded(name: str, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "loaded",)

    array = np.empty(60, object)
    array[:] = [Evil()] * 60
    path = write_arrays(tmp_path / "a.npz", **{name: array})
    (tmp_path / "loaded").unlink(missing_ok=True)
    with pytest.raises(InputError, match=f"{name} holds Python objects, which are not loaded"):
        readers.describe("arrays", place(path))
    assert not (tmp_path / "loaded").exists()


def test_an_absurd_size_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    """A header that claims more than the archive's list of members does, and one whose list claims it, too."""
    path = tmp_path / "a.npz"
    header = member(np.zeros((60, 12, 10), np.uint8)).replace(b"(60, 12, 10)", b"(60000000, 1200, 1000)"[:22])
    for size in (None, 128 + 72 * 10**12):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays().items():
                archive.writestr(f"{name}.npy", header if name == "x_train" else member(array))
            if size:
                archive.getinfo("x_train.npy").file_size = size
        with pytest.raises(InputError, match=r"a\.npz: x_train claims [\d,]+ bytes, which the file does not hold|cannot be read"):
            readers.describe("arrays", place(path))


def test_more_than_the_memory_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_arrays(tmp_path / "a.npz")
    monkeypatch.setattr(hardware, "available_memory", lambda: 2**20)
    with pytest.raises(InputError, match=r"a\.npz: its 72 images need about 100 MiB of memory to be prepared, and 1 are available"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_no_archive(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz cannot be read .*it should be an \.npz file, as numpy\.savez writes it"):
        readers.describe("arrays", place(path))
    with pytest.raises(InputError, match=r"dataset\.source nowhere\.npz is no file; it should be an \.npz file"):
        readers.describe("arrays", Place("nowhere.npz"))


def test_damage_of_any_byte_is_one_line(tmp_path: Path) -> None:
    """Cut anywhere or with a byte changed, the file is read as it is planned, or refused."""
    path = tmp_path / "a.npz"
    whole = write_arrays(path).read_bytes()
    damaged = [whole[:end] for end in range(0, len(whole), 211)]
    damaged += [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(0, len(whole), 61)]
    refused = []
    for content in damaged:
        path.write_bytes(content)
        try:
            read(path)
        except InputError as error:
            refused.append(str(error))
    assert len(refused) > len(damaged) / 2
    assert all("a.npz" in text and "\n" not in text for text in refused)
