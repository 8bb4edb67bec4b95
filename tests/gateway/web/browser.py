"""Chromium, as Debian packages it, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
OVERTAKEN = "net::ERR_ABORTED"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 375, "height": 800}


def require_chromium() -> None:
    """Skip a test where there is no Chromium; where all have to run, fail."""
    if shutil.which("chromium") is None:
        reason = "Chromium is not installed (apt-get install chromium)"
        (pytest.fail if os.environ.get("SR2FHIR_TEST_ONLINE") else pytest.skip)(reason)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


def complaints(page: Page) -> list[str]:
    """Return a list that is filled with whatever the browser complains of."""
    found: list[str] = []
    page.on(
        "console",
        lambda message: found.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: found.append(str(error)))
    # a request that the next page overtakes is none that failed
    page.on(
        "requestfailed", lambda request: found.append(request.url) if request.failure != OVERTAKEN else None
    )
    return found
