"""A browser for the tests of pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.pages import PATIENCE_MS
from tools.page_screenshots import CHROMIUM, FLAGS


# Playwright keeps an event loop running in its thread: tests of other files, which run their own,
# must not find it there.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "The tests of the page need Chromium: make system-packages"
    with sync_playwright() as playwright:
        # A shop of the wide web that asks a server of this machine, as only a test does.
        flags = [*FLAGS, "--disable-features=LocalNetworkAccessChecks"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)
