"""A reader of pages in a real browser, for slow tests."""

from pathlib import Path
from typing import Any

from browser import PATIENCE_MS

WIDTHS = {"desktop": (1280, 900), "phone": (360, 740)}


class Reader:
    """A browser without a network, and what it complained of."""

    def __init__(self, browser: Any, screenshots: Path) -> None:
        self.browser, self.screenshots, self.errors, self.asked = browser, screenshots, [], []

    def open(self, path: Path, width: str, **options: Any) -> Any:
        size = WIDTHS[width]
        context = self.browser.new_context(viewport={"width": size[0], "height": size[1]}, offline=True, **options)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())
        page.locator(".overview h1").first.wait_for(timeout=PATIENCE_MS)
        return page

    def keep(self, name: str, page: Any) -> None:
        page.screenshot(path=self.screenshots / f"{name}.png", full_page=True)
