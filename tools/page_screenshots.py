"""Pictures of the pages of a server that runs: ``python -m tools.page_screenshots``.

Needs Chromium and the extra ``dev``. Those that documents show are written as WebP too. A server
with API keys shows the shop's side and /docs: give a key that may write with ``--key``.
"""

import argparse
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import FilePayload, Page, sync_playwright

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
    "photo": ("?q=in+white", {"width": 1360, "height": 1000}, {}),
    "photo-phone": ("?q=in+white", PHONE, {}),
    "photo-dark": ("?q=in+white", DESKTOP, {"color_scheme": "dark"}),
    "room": ("", {"width": 1360, "height": 1000}, {}),
    "heat": ("", {"width": 1360, "height": 1120}, {}),
    "heat-turkish": ("?lang=tr", PHONE, {"locale": "tr-TR", "color_scheme": "dark"}),
    "error": ("?q=blue+armchair", DESKTOP, {}),
    "wide": ("?q=chair", {"width": 3840, "height": 2160}, {}),
}
TRIED: Final = "POST /v1/search"
DARK: Final = {"color_scheme": "dark"}
KEYED_PAGES: Final[Mapping[str, tuple[str, dict[str, int], dict[str, str]]]] = {
    "admin": ("admin", {"width": 1360, "height": 1180}, {}),
    "admin-phone": ("admin", {"width": 390, "height": 2400}, {}),
    "admin-dark": ("admin", {"width": 1360, "height": 2000}, DARK),
    "admin-turkish": ("admin?lang=tr", {"width": 1360, "height": 2000}, {"locale": "tr-TR"}),
    "admin-asks": ("admin", DESKTOP, {}),
    "docs": ("docs", {"width": 1360, "height": 1800}, {}),
    "docs-phone": ("docs", {"width": 390, "height": 1800}, {}),
    "docs-dark": ("docs", {"width": 1360, "height": 1800}, DARK),
}
"""What a server with API keys shows to one that may write."""
SHOWN: Final = {
    "photo": "page.webp",
    "phone": "page-phone.webp",
    "dark": "page-dark.webp",
    "room": "page-room.webp",
    "heat": "page-heat.webp",
    "turkish": "page-turkish.webp",
    "empty": "page-empty.webp",
    "error": "page-error.webp",
    "admin": "admin.webp",
}
"""What the README and docs/page.md show, by picture."""
LOADED: Final = """() => [...document.images].every(
  (each) => each.complete || each.getBoundingClientRect().top > innerHeight)"""
"""Whether all pictures in the window are there."""
_QUALITY: Final = 82
_EXPLAINED: Final = 2
"""Cards of which a picture tells what of the photo matched."""
# Of the bundled catalog, where each stands in the room: left, top, right, bottom.
_ROOM_PX: Final = (1_200, 900)
_PIECES: Final = (
    ("blendswap-sofa-2-0.jpg", (120, 330, 720, 780)),
    ("blendswap-fotel-0.jpg", (800, 430, 1120, 800)),
    ("blendswap-coffee-table-0.jpg", (420, 600, 760, 860)),
    ("blendswap-lamp-0.jpg", (30, 200, 160, 620)),
)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000/", help="Where the page is.")
    parser.add_argument("--out", type=Path, required=True, help="Folder for the pictures.")
    parser.add_argument("--only", help="Name of one of them.")
    parser.add_argument("--key", help="API key; pages that need one are taken, and no others.")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        pages = PAGES if given.key is None else KEYED_PAGES
        for name, (address, viewport, options) in pages.items():
            if given.only in (None, name):
                page = browser.new_page(viewport=viewport, **options)  # type: ignore[arg-type]  # of TypedDicts
                page.goto(given.url + address)
                if name.startswith(("photo", "heat")):
                    page.locator("#panel > summary").click()
                    page.set_input_files("#file", catalog_feed().parent / PHOTO)
                    page.wait_for_url("**photo=**")
                if name.startswith("heat"):
                    for place in range(_EXPLAINED):
                        page.locator(".acts button").nth(place).click()
                    page.wait_for_function(
                        "most => document.querySelectorAll('canvas').length == most",
                        arg=_EXPLAINED,
                    )
                if name == "room":
                    photo: FilePayload = {
                        "name": "room.jpg",
                        "mimeType": "image/jpeg",
                        "buffer": room(),
                    }
                    page.set_input_files("#file", photo)
                    page.wait_for_url("**photo=**")
                if name == "error":
                    page.context.set_offline(True)
                    page.locator("#q").fill("oak table")
                    page.locator("#q").press("Enter")
                    page.locator("#alarm button").wait_for()
                if name.startswith("admin"):
                    _open_admin(page, given.key, asks=name == "admin-asks")
                if name.startswith("docs"):
                    _try(page, given.key)
                _take(page, name, given.out)
        browser.close()


def room() -> bytes:
    """A photo of a room, as JPEG: pieces of the bundled catalog before a wall."""
    image = Image.new("RGB", _ROOM_PX, (232, 226, 214))
    ImageDraw.Draw(image).rectangle((0, 600, *_ROOM_PX), fill=(170, 140, 110))
    for name, (left, top, right, bottom) in _PIECES:
        with Image.open(catalog_feed().parent / "images" / name) as opened:
            piece = opened.convert("RGB").resize((right - left, bottom - top))
        # Renders stand on white, which the wall shows through.
        inside = np.asarray(piece).min(axis=2) < 238
        image.paste(piece, (left, top), Image.fromarray((inside * 255).astype(np.uint8)))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=90)
    return data.getvalue()


def _open_admin(page: Page, key: str, *, asks: bool) -> None:
    page.locator("#key").fill(key)
    page.locator("#key").press("Enter")
    page.locator('[data-shows="judge"] :is(form, .note)').wait_for()
    if asks:
        page.locator("[data-return]").first.click()
        page.locator("#ask-difference strong").wait_for()
        return
    if page.locator("[data-examine]").count():
        page.locator("[data-examine] button").click()
    page.locator('[data-shows="health"] strong').wait_for(timeout=120_000)
    page.locator("[data-compare] button").click()
    page.locator("#difference strong").wait_for()
    # What was opened by key has the focus, below the head of the page.
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(0, 0)


def _try(page: Page, key: str) -> None:
    form = page.get_by_role("form", name=f"Try {TRIED}", exact=True)
    page.locator(f'details:has(form[aria-label="Try {TRIED}"]) > summary').click()
    form.locator(".key").fill(key)
    form.get_by_role("button", name="Send").click()
    form.locator("pre").wait_for()
    form.scroll_into_view_if_needed()


def _take(page: Page, name: str, out: Path) -> None:
    # The shop's side goes on being told where a run stands.
    page.wait_for_load_state("load" if name.startswith("admin") else "networkidle")
    page.wait_for_function(LOADED)
    data = page.screenshot(path=out / f"{name}.png", animations="disabled")
    if name in SHOWN:
        Image.open(io.BytesIO(data)).save(out / SHOWN[name], quality=_QUALITY, method=6)
    page.close()


if __name__ == "__main__":
    main()
