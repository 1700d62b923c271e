"""A moving picture of the page, what a shopper does: ``python -m tools.page_recording``.

Needs Chromium, the extra ``dev``, and a server over the bundled catalog; where that has a detector,
a room is searched by its pieces too. Frames are screenshots with a time each, so that the speed of
the machine does not show.
"""

import argparse
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from tools.page_screenshots import CHROMIUM, FLAGS, LOADED, room

SIZE: Final[ViewportSize] = {"width": 1120, "height": 700}
SHOWN_PX: Final = (896, 560)
MOST_BYTES: Final = 2_000_000
_WORDS: Final = "blue armchair under 100 cm"
_TYPED_MS: Final = 90
_READ_MS: Final = 1_500
# From the best down to what fits.
_QUALITIES: Final = (70, 60, 50, 40, 30)


@dataclass(eq=False)
class Reel:
    """Frames, each with how long it is seen.

    Attributes:
        page: What is filmed.
        frames: Pictures of :data:`SHOWN_PX`.
        lengths_ms: How long each is seen.
    """

    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    lengths_ms: list[int] = field(default_factory=list)

    def take(self, length_ms: int) -> None:
        """Film the page as it is now."""
        with Image.open(io.BytesIO(self.page.screenshot(animations="disabled"))) as opened:
            frame = opened.convert("RGB").resize(SHOWN_PX, Image.Resampling.LANCZOS)
        if self.frames and frame.tobytes() == self.frames[-1].tobytes():
            self.lengths_ms[-1] += length_ms
            return
        self.frames.append(frame)
        self.lengths_ms.append(length_ms)

    def settled(self, length_ms: int = _READ_MS) -> None:
        """The same, once its pictures are there."""
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_function(LOADED)
        self.take(length_ms)

    def scroll(self, to_px: int, steps: int = 6) -> None:
        """Film it on the way down, or up."""
        begin = self.page.evaluate("scrollY")
        for step in range(1, steps + 1):
            place = begin + (to_px - begin) * step / steps
            self.page.evaluate("(top) => scrollTo({ top, behavior: 'instant' })", place)
            self.take(80)

    def saved(self) -> bytes:
        """All frames as an animated WebP of the best quality that fits.

        Raises:
            SystemExit: none fits.
        """
        for quality in _QUALITIES:
            data = io.BytesIO()
            first, *others = self.frames
            first.save(
                data,
                "WEBP",
                save_all=True,
                append_images=others,
                duration=self.lengths_ms,
                loop=0,
                quality=quality,
                method=4,
                minimize_size=True,
            )
            if data.tell() <= MOST_BYTES:
                return data.getvalue()
        raise SystemExit(f"The recording has {data.tell():,} bytes. Film fewer frames.")


def film(page: Page, url: str) -> Reel:
    """What a shopper does: words, the likes of a piece, a photo of a room, two pieces of it."""
    reel = Reel(page)
    # A server that has just started reads its columns for the first answer.
    page.goto(f"{url}?q={_WORDS}")
    page.goto(url)
    reel.settled()
    field = page.get_by_role("combobox")
    for at in range(0, len(_WORDS), 2):
        field.press_sequentially(_WORDS[at : at + 2])
        reel.take(_TYPED_MS)
    reel.settled(500)
    field.press("Enter")
    page.locator(".card").first.wait_for()
    reel.settled(2_000)
    reel.scroll(320)
    reel.settled(900)
    reel.scroll(0, 4)
    page.locator(".chip").last.hover()
    reel.take(400)
    page.locator(".card .acts a").first.click()
    page.wait_for_url("**like=**")
    reel.settled(1_800)
    page.set_input_files("#file", {"name": "room.jpg", "mimeType": "image/jpeg", "buffer": room()})
    page.wait_for_url("**photo=**")
    reel.settled(2_000)
    pieces = page.locator("crop-box .boxes a")
    for number in (1, 0):
        if pieces.count() > number:
            pieces.nth(number).hover()
            reel.take(400)
            pieces.nth(number).click()
            page.wait_for_url("**xywh=**")
            page.wait_for_function(
                "(n) => document.querySelectorAll('.boxes a')[n]?.ariaCurrent", arg=number
            )
            reel.settled(1_000)
            reel.scroll(430, 5)
            reel.settled(1_100)
            reel.scroll(0, 3)
    page.locator(".card .name a").first.click()
    page.locator(".about").wait_for()
    reel.settled(1_400)
    reel.scroll(620, 6)
    reel.settled(1_600)
    return reel


def main() -> None:
    """Film, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000/", help="Where the page is.")
    parser.add_argument("--out", type=Path, required=True, help="The WebP to write.")
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        reel = film(browser.new_page(viewport=SIZE, locale="en-GB"), given.url)
        browser.close()
    data = reel.saved()
    given.out.write_bytes(data)
    seconds = sum(reel.lengths_ms) / 1_000
    print(f"{given.out}: {len(reel.frames)} frames, {seconds:.1f} s, {len(data):,} bytes")


if __name__ == "__main__":
    main()
