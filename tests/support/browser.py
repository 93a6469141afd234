"""A real browser for slow tests; where there is none, the test is skipped and says so."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from waiting import SECONDS

EXECUTABLES = [Path(name) for name in ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")]
PATIENCE_MS = 1000 * SECONDS
WIDTH = "async image => { await image.decode(); return image.naturalWidth; }"  # of a picture, once it is there


@contextmanager
def chromium(what: str) -> Iterator[Any]:
    """Run Chromium; `what` names what is not tested without it."""
    playwright = pytest.importorskip("playwright.sync_api", reason=f"NOT TESTED: {what}, without Playwright")
    executable = next((path for path in EXECUTABLES if path.is_file()), None)
    if executable is None:
        pytest.skip(f"NOT TESTED: {what}, since there is no Chromium (Debian's package chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(executable), args=["--no-sandbox"], timeout=PATIENCE_MS)
        yield browser
        browser.close()
