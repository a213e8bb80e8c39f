"""Debian's Chromium, driven by Playwright. It is found or not; nothing is downloaded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # root in a container cannot have one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing() -> str:
    """Return why no browser can be driven here; empty if one can."""
    return "" if _executable() else "Chromium is not on PATH (Debian: apt install chromium)"


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run a headless Chromium until left."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_executable(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def _executable() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)
