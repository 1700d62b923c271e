"""``python -m furniture_prompter.cli.demo [FOLDER]``: a first look, on the catalog that ships.

Every command is printed as it would be typed and then run in this process, by the same code.
"""

import shlex
import sys
from pathlib import Path

from furniture_prompter.bundled import catalog_feed
from furniture_prompter.cli.main import app
from furniture_prompter.cli.terminal import output, say_error

DEFAULT_FOLDER = Path("demo-output")
PROMPT = "small wooden bedside table"
# Seen from its other side; the product itself is in the catalog too and may find itself.
PHOTO = "images/blendswap-cc0-oak-chair-1.jpg"
PROMPT_BESIDE_PHOTO = "in white"
HITS = "5"


def demo_commands(folder: Path) -> list[tuple[str, list[str]]]:
    """What the demo says and runs, in order: a sentence, then the words of a command."""
    feed = catalog_feed()
    catalog = ["--catalog", str(folder / "catalog")]
    photo = ["--photo", str(_short(feed.parent / PHOTO))]
    gallery = ["--html", str(folder / "gallery.html")]
    return [
        ("Index the catalog that ships with the package.", ["index", str(_short(feed)), *catalog]),
        ("Search it by words.", ["search", PROMPT, *catalog, "-k", HITS]),
        (
            "Search it by a photo: an oak chair, from behind. The chair itself is in the catalog.",
            ["search", *photo, *catalog, "-k", HITS],
        ),
        (
            "Search it by both, for a page with pictures.",
            ["search", PROMPT_BESIDE_PHOTO, *photo, *catalog, "-k", "12", *gallery],
        ),
    ]


def demo(folder: Path) -> int:
    """Run every command; returns the first exit status that is not 0, or 0."""
    folder.mkdir(parents=True, exist_ok=True)
    console = output()
    for sentence, arguments in demo_commands(folder):
        console.print(f"\n{sentence}", style="bold", soft_wrap=True)
        console.print(f"$ furniture-prompter {shlex.join(arguments)}\n", soft_wrap=True)
        status = _run(arguments)
        if status:
            say_error(f"The command ended with exit status {status}; see docs/cli.md.")
            return status
    console.print("\nAll of it worked. Look at the last search in a browser:", style="bold")
    console.print(str((folder / "gallery.html").absolute()), soft_wrap=True)
    return 0


def _run(arguments: list[str]) -> int:
    try:
        app(arguments, prog_name="furniture-prompter")
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def _short(path: Path) -> Path:
    """From the current folder on where it lies below it, whole otherwise."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


if __name__ == "__main__":
    sys.exit(demo(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER))
