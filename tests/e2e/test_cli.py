"""The installed command, in processes of its own: index a small shop, search it, look after it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from furniture_prompter.bundled import catalog_feed

COMMAND = Path(sys.executable).with_name("furniture-prompter")
Shop = Callable[..., subprocess.CompletedProcess[str]]

COLOURS = {"red": (190, 30, 40), "green": (40, 150, 60), "blue": (40, 70, 190)}
KINDS = ("chair", "table", "lamp", "shelf")


def _draw(kind: str, colour: tuple[int, int, int], path: Path) -> None:
    """A crude picture: enough for an encoder to tell kinds and colours apart."""
    image = Image.new("RGB", (160, 160), "white")
    pen = ImageDraw.Draw(image)
    boxes = {
        "chair": [(50, 20, 60, 140), (50, 80, 110, 92), (100, 80, 110, 140)],
        "table": [(20, 60, 140, 72), (26, 60, 36, 140), (124, 60, 134, 140)],
        "lamp": [(50, 20, 110, 60), (76, 60, 84, 130), (55, 130, 105, 140)],
        "shelf": [(40, 20, 120, 30), (40, 60, 120, 70), (40, 100, 120, 110), (40, 20, 48, 140)],
    }
    for box in boxes[kind]:
        pen.rectangle(box, fill=colour)
    image.save(path)


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop's feed: twelve products, and a row that cannot be used."""
    folder = tmp_path_factory.mktemp("shop")
    rows: list[dict[str, str | int]] = []
    for kind in KINDS:
        for name, colour in COLOURS.items():
            picture = f"{name}-{kind}.png"
            _draw(kind, colour, folder / picture)
            row = {"id": f"{name}-{kind}", "title": f"{name} {kind}", "category": kind}
            rows.append({**row, "color": name, "price": 10 + 10 * len(rows), "image": picture})
    lines = [json.dumps(row) for row in rows]
    (folder / "good.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "feed.jsonl").write_text("\n".join([*lines, '{"id": "broken"']) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Shop:
    """The console script, with an empty home and nothing of this environment, after one index."""

    def run(*words: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *words],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            cwd=folder,
            env=_environment(folder),
            timeout=120,
        )

    indexed = run("index", "feed.jsonl", "--catalog", "catalog", "--set-aside", "left-out.jsonl")
    assert indexed.returncode == 3, indexed.stderr
    assert "12 added" in indexed.stdout
    assert "feed.jsonl:13: " in indexed.stderr
    return run


def test_a_search_by_words_finds_them(shop: Shop) -> None:
    done = shop("search", "green lamp", "--catalog", "catalog")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split()[2:4] == ["green", "lamp"]
    assert "\x1b" not in done.stdout


_ONLY_FOR_OTHERS = {
    *("onnxruntime", "PIL", "rapidfuzz", "numpy.ma", "furniture_prompter.encoders.detector"),
    *("furniture_prompter.search.goes_with", "furniture_prompter.catalog.upkeep"),
    *("furniture_prompter.domain.feed", "furniture_prompter.domain.outfit"),
    *("furniture_prompter.cli.index_command", "furniture_prompter.cli.serve_command"),
}


def test_a_search_by_words_loads_nothing_that_photos_slips_or_outfits_need(
    shop: Shop, folder: Path
) -> None:
    program = (
        "import sys\nfrom furniture_prompter.cli.main import run\n"
        "sys.argv = ['furniture-prompter', 'search', 'green lamp', '--catalog', 'catalog']\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', *({_ONLY_FOR_OTHERS} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
        env=_environment(folder),
        check=False,
    )
    assert "green lamp" in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1].strip() == "loaded:"


def test_a_search_by_photo_and_filter_answers_in_json(shop: Shop) -> None:
    done = shop(
        *("search", "--photo", "blue-table.png", "--catalog", "catalog", "--json"),
        *("--where", "category = 'table' and price < 1000", "-k", "3"),
    )
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    assert answered["hits"][0]["product"]["id"] == "blue-table"
    assert {hit["product"]["category"] for hit in answered["hits"]} == {"table"}
    assert answered["query"]["photo"] == "blue-table.png"


def test_a_batch_from_standard_input_answers_line_for_line(shop: Shop) -> None:
    lines = '{"id": "a", "prompt": "red chair"}\nno json\n{"photo": "red-shelf.png", "limit": 1}\n'
    done = shop("search", "--batch", "-", "--json", "--catalog", "catalog", stdin=lines)
    assert done.returncode == 3
    first, second, third = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["id"], first["hits"][0]["product"]["id"]) == ("a", "red-chair")
    assert second["error"]["code"] == "invalid_query"
    assert [hit["product"]["id"] for hit in third["hits"]] == ["red-shelf"]


def test_a_gallery_holds_the_hits_pictures(shop: Shop, folder: Path) -> None:
    done = shop("search", "lamp", "--catalog", "catalog", "-k", "3", "--html", "hits.html")
    assert done.returncode == 0, done.stderr
    page = (folder / "hits.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 3


def test_a_second_run_changes_nothing(shop: Shop, folder: Path) -> None:
    # The first run was over the same rows, and one that was broken.
    feed = str(folder / "feed.jsonl")
    before = json.loads(shop("catalog", "info", "--catalog", "catalog", "--json").stdout)
    done = shop("index", "good.jsonl", "--catalog", "catalog", "--feed", feed, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["products"]["unchanged"] == 12
    assert summary["photos"]["encoded"] == 0
    assert summary["catalog"]["version"] == before["version"]


def test_the_catalog_is_sound_and_can_be_optimized(shop: Shop) -> None:
    assert shop("catalog", "optimize", "--catalog", "catalog").returncode == 0
    assert shop("catalog", "verify", "--catalog", "catalog").returncode == 0


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("search", "x", "--catalog", "none"), 5, "none"),
        (("search", "x", "--catalog", "catalog", "--where", "pirce < 3"), 4, "price"),
        (("search", "--photo", "feed.jsonl", "--catalog", "catalog"), 4, "feed.jsonl"),
        (("search", "x", "--catalog", "catalog", "--encoder", "none"), 6, "none"),
        (("index", "none.jsonl", "--catalog", "other"), 4, "none.jsonl"),
        (("search", "--catalog", "catalog"), 2, "PROMPT"),
    ],
)
def test_what_is_refused_says_why_without_a_traceback(
    shop: Shop, words: tuple[str, ...], status: int, told: str
) -> None:
    done = shop(*words)
    assert done.returncode == status, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_reader_that_stops_reading_is_no_disaster(shop: Shop, folder: Path) -> None:
    queries = "".join('{"prompt": "chair"}\n' for _ in range(200))
    (folder / "many.jsonl").write_text(queries, "utf-8")
    process = subprocess.Popen(
        [COMMAND, "search", "--batch", "many.jsonl", "--json", "--catalog", "catalog"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=_environment(folder),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def test_an_interrupted_index_run_says_that_nothing_is_lost(tmp_path: Path) -> None:
    words = ["index", str(catalog_feed()), "--catalog", str(tmp_path / "catalog")]
    process = subprocess.Popen(
        [COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**_environment(tmp_path), "FURNITURE_PROMPTER_STAGE_PHOTOS": "32"},
        # A shell that runs the tests in the background ignores SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert any(line.startswith("checking") for line in process.stderr)
    staged = tmp_path / "catalog"
    patience_s = 60.0
    while not list(staged.rglob("*.lance")) and patience_s > 0:
        time.sleep(0.1)
        patience_s -= 0.1
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "previous version stands" in err
    assert "terminate" not in err
