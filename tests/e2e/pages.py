"""Pages in a browser that let nothing pass: refused by policy, thrown, or inaccessible."""

from collections.abc import Callable, Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

PATIENCE_MS = 20_000

Open = Callable[..., Page]


def opened_pages(browser: Browser, url: str) -> Iterator[Open]:
    """Opens an address in a context of its own; nothing may have been refused or thrown in it."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def start(address: str = "", **options: Any) -> Page:
        options.setdefault("locale", "en-GB")
        context = browser.new_context(base_url=f"{url}/", **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: wrong.append(said.text) if "Security Policy" in said.text else None,
        )
        page.goto(address)
        return page

    yield start
    for context in contexts:
        context.close()
    assert not wrong


def violations(page: Page, where: str, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds on a page, each with where it was found."""
    told = Axe().run(page, options=options).response
    assert told["passes"]
    return [
        f"{where}: {each['id']} {[node['html'][:200] for node in each['nodes']][:3]}"
        for each in told["violations"]
    ]
