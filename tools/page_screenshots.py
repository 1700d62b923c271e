"""Pictures of the shopper's page, of a server that runs: ``python -m tools.page_screenshots``.

Needs Chromium and the extra ``dev``. The two that the README shows are written as WebP.
"""

import argparse
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from furniture_prompter.bundled import catalog_feed

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP: Final = {"width": 1360, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
PROMPT: Final = "?q=oak+table+under+120+cm,+no+metal"
PHOTO: Final = "images/blendswap-cc0-oak-chair-1.jpg"
PAGES: Final[Mapping[str, tuple[str, dict[str, int], dict[str, str]]]] = {
    "start": ("", DESKTOP, {}),
    "desktop": ("?q=blue+armchair+under+100+cm", DESKTOP, {}),
    "words": (PROMPT, DESKTOP, {}),
    "dark": ("?q=blue+armchair+under+100+cm", DESKTOP, {"color_scheme": "dark"}),
    "turkish": ("?q=120+cm%27den+k%C4%B1sa+masa&lang=tr", DESKTOP, {"locale": "tr-TR"}),
    "start-phone": ("", PHONE, {}),
    "phone": ("?q=yellow+chair", PHONE, {}),
    "narrowest": ("?q=yellow+chair", {"width": 320, "height": 640}, {}),
    "empty": ("?q=sofa&f.height_cm=900..", DESKTOP, {}),
    "product": ("products/scopia-children-table", DESKTOP, {}),
    "product-dark": ("products/scopia-children-table", DESKTOP, {"color_scheme": "dark"}),
    "compare": ("compare?id=scopia-children-table&id=blendswap-arm-chair-2", DESKTOP, {}),
    "wide": ("?q=chair", {"width": 3840, "height": 2160}, {}),
}
SHOWN: Final = {"page-photo": "page.webp", "page-phone": "page-phone.webp"}
_QUALITY: Final = 82


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000/", help="Where the page is.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the pictures.")
    parser.add_argument("--only", help="Name of one of them.")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for name, (address, viewport, options) in PAGES.items():
            if given.only in (None, name):
                _take(browser, given.url + address, given.out / f"{name}.png", viewport, options)
        if given.only in (None, "photo"):
            _take_photo(browser, given.url, given.out)
        browser.close()


def _take(
    browser: Browser, url: str, to: Path, viewport: dict[str, int], options: dict[str, str]
) -> None:
    page = browser.new_page(viewport=viewport, **options)  # type: ignore[arg-type]  # of TypedDicts
    page.goto(url, wait_until="networkidle")
    page.screenshot(path=to)
    page.close()


def _take_photo(browser: Browser, url: str, out: Path) -> None:
    """A photo with words beside it, on a large screen and on a phone."""
    for name, viewport in (("page-photo", DESKTOP), ("page-phone", PHONE)):
        page = browser.new_page(viewport=viewport)  # type: ignore[arg-type]  # of TypedDicts
        page.goto(url + "?q=in+white", wait_until="networkidle")
        page.locator("#panel summary").click()
        page.set_input_files("#file", catalog_feed().parent / PHOTO)
        page.wait_for_url("**photo=**")
        page.wait_for_load_state("networkidle")
        data = page.screenshot(path=out / f"{name}.png")
        Image.open(io.BytesIO(data)).save(out / SHOWN[name], quality=_QUALITY, method=6)
        page.close()


if __name__ == "__main__":
    main()
