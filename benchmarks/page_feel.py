"""How the shopper's page feels in Chromium: ``python -m benchmarks.page_feel --catalog FOLDER``."""

import argparse
import io
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.api_server import ServedApi, copied
from benchmarks.provenance import add_output_option, write_result
from furniture_prompter.bundled import catalog_feed
from furniture_prompter.web.page_files import STATIC
from tools.page_screenshots import CHROMIUM, DESKTOP, FLAGS, PHOTO

THROTTLED: Final = 4
WORDS: Final = "blue armchair"
PHONE_PX: Final = (4_032, 3_024)
PHONE_BYTES: Final = 3_000_000
_PATIENCE_MS: Final = 60_000

METHOD = """
Debian's Chromium {chromium}, headless, and `furniture-prompter serve` with its defaults on the same
{cores} cores, asked over loopback at 1,360 x 900 pixels; every run has a fresh context with an
empty cache, the server is warm. Processes of others ran on the machine at the time (load average
{load} over these cores), so the times are upper bounds. LCP, CLS and INP are with a processor
throttled {throttled} times (Chrome's own emulation; the server is not), LCP and CLS up to when the
network is idle, INP as the longest of a search by the Enter key, a facet and taking it back. First
results are not throttled: from the key press, or from the moment the file is chosen, to the frame
that shows cards; the photo has 12 megapixels and {photo_mb:.1f} MB, is decoded and made smaller in
the browser, sent, encoded and searched, and no run repeats another's photo. Medians of {runs} runs,
the worst beside them. Code is every script and style that the page loads, each compressed by gzip
as it is sent, without the page itself and its pictures.
"""

_WATCH: Final = """() => {
  window.feel = { lcp: 0, cls: 0, inp: 0 };
  const watch = (type, take, more) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take))
      .observe({ type, buffered: true, ...more });
  watch('largest-contentful-paint', (each) => { feel.lcp = each.startTime; });
  watch('layout-shift', (each) => { feel.cls += each.hadRecentInput ? 0 : each.value; });
  watch('event', (each) => {
    if (each.interactionId) feel.inp = Math.max(feel.inp, each.duration);
  }, { durationThreshold: 16 });
}"""
_ANSWERED: Final = """(words) => {
  const began = { at: 0 };
  const begin = (event) => { began.at ||= event.timeStamp; };
  addEventListener(words ? 'keydown' : 'change', begin, true);
  window.answered = new Promise((done) => {
    new MutationObserver((_, watcher) => {
      if (!document.querySelector('#results .card')) return;
      watcher.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - began.at)));
    }).observe(document.getElementById('results'), { childList: true, subtree: true });
  });
}"""
# Modules of other pages: those that embed the search, the API's own, and the shop's side.
_ELSEWHERE: Final = ("embed.js", "docs.js", "admin.js", "report.js", "admin.css", "mark.svg")
_TARGETS: Final[Mapping[str, float]] = {
    "LCP, ms": 1_000,
    "CLS": 0.02,
    "INP, ms": 200,
    "first result, ms": 150,
    "first result of a photo, ms": 500,
}


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalog", type=Path, required=True, help="a catalog; it is copied")
    parser.add_argument("--runs", type=int, default=5, help="of each figure")
    add_output_option(parser, "page_feel")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        work = Path(name)
        data, _ = copied(given.catalog, work / "catalog")
        photos = [phone_photo(run) for run in range(given.runs + 1)]
        with ServedApi.of_catalog(work / "catalog", work / "server.log") as served:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            version = browser.version
            rows = measured(browser, served.url, photos, given.runs)
            browser.close()
    write_result(
        given.out,
        title="The page in a browser",
        data=[data],
        method=METHOD.format(
            chromium=version,
            cores=os.cpu_count(),
            load=f"{os.getloadavg()[1]:.1f}",
            throttled=THROTTLED,
            photo_mb=statistics.fmean(map(len, photos)) / 1e6,
            runs=given.runs,
        ),
        figures={"rows": rows},
    )


def measured(browser: Browser, url: str, photos: list[bytes], runs: int) -> list[dict[str, Any]]:
    """A row for each figure; the first run of each warms up and does not count."""
    tries: Mapping[str, Callable[[int], Mapping[str, float]]] = {
        "first page": lambda _: loaded(browser, url, ""),
        "results": lambda _: loaded(browser, url, f"?q={WORDS}"),
        "interactions": lambda _: interacted(browser, url),
        "words": lambda _: by_words(browser, url),
        "phone photo": lambda run: by_photo(browser, url, photos[run]),
    }
    rows = []
    for what, attempt in tries.items():
        found = [attempt(run) for run in range(runs + 1)][1:]
        rows += [
            {
                "what": f"{what}: {name}",
                "median": round(statistics.median(each[name] for each in found), 3),
                "worst": round(max(each[name] for each in found), 3),
                "target": _TARGETS[name],
            }
            for name in found[0]
        ]
    packed = sum(len(data) for name, data in STATIC.packed.items() if name not in _ELSEWHERE)
    size = round(packed / 1_000, 1)
    rows.append({"what": "code, compressed, kB", "median": size, "worst": size, "target": 60})
    return rows


def _opened(browser: Browser, address: str, throttled: bool) -> Page:
    page = browser.new_context(viewport=DESKTOP, locale="en-GB").new_page()  # type: ignore[arg-type]  # of a TypedDict
    page.set_default_timeout(_PATIENCE_MS)
    if throttled:
        client = page.context.new_cdp_session(page)
        client.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLED})
    page.add_init_script(f"({_WATCH})()")
    page.goto(address, wait_until="networkidle")
    return page


def loaded(browser: Browser, url: str, query: str) -> Mapping[str, float]:
    """When the largest part of a page is there, and how far its parts moved."""
    page = _opened(browser, f"{url}/{query}", throttled=True)
    feel = page.evaluate("window.feel")
    page.context.close()
    return {"LCP, ms": feel["lcp"], "CLS": feel["cls"]}


def interacted(browser: Browser, url: str) -> Mapping[str, float]:
    """The longest that an interaction took to be seen."""
    page = _opened(browser, f"{url}/", throttled=True)
    page.locator("#q").press_sequentially(f"{WORDS} under 100 cm", delay=60)
    page.keyboard.press("Enter")
    page.locator(".card").first.wait_for()
    page.wait_for_load_state("networkidle")
    facet = page.locator(".facet a[data-key]").first
    facet.click()
    page.locator(".chip-chosen").wait_for()
    page.wait_for_load_state("networkidle")
    page.locator(".chip-chosen").click()
    page.locator(".chip-chosen").wait_for(state="detached")
    page.wait_for_load_state("networkidle")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200)))")
    inp = page.evaluate("window.feel.inp")
    page.context.close()
    return {"INP, ms": inp}


def by_words(browser: Browser, url: str) -> Mapping[str, float]:
    """From the Enter key to cards."""
    page = _opened(browser, f"{url}/", throttled=False)
    page.locator("#q").fill(WORDS)
    page.evaluate(_ANSWERED, arg=True)
    page.locator("#q").press("Enter")
    took = page.evaluate("window.answered")
    page.context.close()
    return {"first result, ms": took}


def by_photo(browser: Browser, url: str, photo: bytes) -> Mapping[str, float]:
    """From the chosen file to cards."""
    page = _opened(browser, f"{url}/", throttled=False)
    page.evaluate(_ANSWERED, arg=False)
    page.set_input_files("#file", {"name": "phone.jpg", "mimeType": "image/jpeg", "buffer": photo})
    took = page.evaluate("window.answered")
    page.context.close()
    return {"first result of a photo, ms": took}


def phone_photo(seed: int) -> bytes:
    """A photo as a phone takes it: 12 megapixels, 3 MB, with a sensor's noise."""
    with Image.open(catalog_feed().parent / PHOTO) as opened:
        image = np.asarray(opened.convert("RGB").resize(PHONE_PX), np.int16)
    noise = np.random.default_rng(seed).normal(0, 7, (*image.shape[:2], 1)).astype(np.int16)
    noisy = Image.fromarray((image + noise).clip(0, 255).astype(np.uint8))
    for quality in range(95, 30, -5):
        data = io.BytesIO()
        noisy.save(data, "JPEG", quality=quality)
        if data.tell() <= PHONE_BYTES * 1.1:
            break
    return data.getvalue()


if __name__ == "__main__":
    main()
