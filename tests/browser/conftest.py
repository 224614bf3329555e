"""A real browser, and the pages to open in it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.pages import write_pages

DEBIAN = "/usr/bin/chromium"
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, else the one Playwright brought; the tests that need it are left out without one.

    It ends with its module: while Playwright runs, an event loop runs in this thread, and Prefect asked
    for a result would answer with a coroutine.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
    with playwright.sync_playwright() as driver:
        own = driver.chromium.executable_path
        found = next((file for file in (DEBIAN, own) if file and Path(file).is_file()), None)
        if found is None:
            pytest.skip("no Chromium: the tests of pages in a browser are left out; run scripts/install_browser.sh")
        browser = driver.chromium.launch(executable_path=found, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One page of each kind, written once."""
    folder = tmp_path_factory.mktemp("pages")
    before = {name: os.environ.get(name) for name in ("TIERRA_HOME", "TIERRA_PROJECTS")}
    os.environ |= {"TIERRA_HOME": str(folder / "var"), "TIERRA_PROJECTS": str(folder / "projects")}
    try:
        return write_pages(folder)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
