"""Fetching of the data set in tests, with little patience."""

from functools import partial
from pathlib import Path

import pytest

from convnets.data import sources
from convnets.errors import InputError

QUICK, PATIENT = sources.Patience(connect=10, read=1, slowest=0), sources.Patience(connect=60, read=60, slowest=0)


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
