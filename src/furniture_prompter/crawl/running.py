"""A crawl as a call: starts the process that does it, passes its progress on, takes its report."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from furniture_prompter.crawl.options import CrawlOptions, CrawlReport, PageProblem
from furniture_prompter.domain import IndexProgress
from furniture_prompter.errors import CrawlError, install_line

_NEEDED: Final = ("scrapy", "extruct", "protego")
_CHILD: Final = "furniture_prompter.crawl.child"
_SHOWN_CHARACTERS: Final = 400


def refuse_without_extra() -> None:
    """Refuse to crawl without what the extra installs.

    Raises:
        CrawlError: something of it is missing.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise CrawlError(f"Crawling needs {', '.join(missing)}. {install_line('crawl')}")


def run_crawl(
    options: CrawlOptions,
    folder: Path | None,
    feed: Path | None,
    on_progress: Callable[[IndexProgress], None] = lambda _: None,
) -> CrawlReport:
    """Crawl a shop, or go on where a run was broken off.

    Args:
        options: What is asked for.
        folder: Where journal and log are kept for later runs; None keeps nothing.
        feed: The file to write; None writes none.
        on_progress: Called now and then.

    Raises:
        CrawlError: the extra is missing, or the shop cannot be crawled as asked.
    """
    refuse_without_extra()
    if folder is not None:
        return _run(options, folder, feed, on_progress)
    with TemporaryDirectory(prefix="furniture-prompter-crawl-") as temporary:
        return _run(options, Path(temporary), feed, on_progress)


def _run(
    options: CrawlOptions,
    folder: Path,
    feed: Path | None,
    on_progress: Callable[[IndexProgress], None],
) -> CrawlReport:
    asked = {
        "options": asdict(options),
        "folder": str(folder.absolute()),
        "feed": str(feed.absolute()) if feed is not None else "",
    }
    answer: dict[str, Any] = {}
    with TemporaryDirectory(prefix="furniture-prompter-crawl-") as temporary:
        complaints = Path(temporary) / "stderr"
        with (
            complaints.open("wb") as stderr,
            subprocess.Popen(  # noqa: S603  # this interpreter, with a module of ours
                [sys.executable, "-m", _CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                encoding="utf-8",
            ) as child,
        ):
            try:
                answer = _conversation(child, json.dumps(asked), on_progress)
            except BaseException:
                # The child has the terminal's interrupt too; otherwise it is told to end here.
                child.terminate()
                raise
        said = complaints.read_text("utf-8", "replace").strip()
    if "report" in answer:
        return _report(answer["report"])
    if "error" in answer:
        raise CrawlError(str(answer["error"]))
    last = said.splitlines()[-1][:_SHOWN_CHARACTERS] if said else f"status {child.returncode}"
    raise CrawlError(
        f"The crawler ended before its end ({last}). Start it again: it goes on where it stopped."
    )


def _conversation(
    child: "subprocess.Popen[str]", asked: str, on_progress: Callable[[IndexProgress], None]
) -> dict[str, Any]:
    if child.stdin is None or child.stdout is None:
        raise AssertionError("both were asked for")
    try:
        child.stdin.write(f"{asked}\n")
        child.stdin.close()
    except BrokenPipeError:
        # It ended before it read; its last words say why.
        return {}
    answer: dict[str, Any] = {}
    for line in child.stdout:
        message = json.loads(line)
        if "progress" in message:
            now = message["progress"]
            total = now["done"] + now["waiting"]
            on_progress(IndexProgress("crawling", now["done"], total, "pages"))
        else:
            answer = message
    return answer


def _report(raw: dict[str, Any]) -> CrawlReport:
    raw["unreadable"] = [PageProblem(**each) for each in raw["unreadable"]]
    return CrawlReport(**raw)
