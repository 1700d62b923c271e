"""Which of two answers is better, kept by several processes and read by ``evaluate``."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from furniture_prompter.errors import ServeError
from furniture_prompter.evaluation.relevance import read_queries, read_relevance_judgments
from furniture_prompter.web.judging import (
    JUDGMENTS_FILE,
    PREFERENCES_FILE,
    QUERIES_FILE,
    Judgments,
    Preference,
    Side,
    Verdict,
    exported,
)
from furniture_prompter.web.routes.judging import tally

SAID = Preference(
    "oak  table", "", Side({"understand": True}, ("a", "b")), Side({}, ("b", "c")), "first", "shop"
)


@pytest.mark.parametrize(
    ("better", "gains"),
    [
        ("first", {"a": "2", "b": "1", "c": "0"}),
        ("second", {"a": "0", "b": "1", "c": "2"}),
        ("both", {"a": "1", "b": "1", "c": "1"}),
        ("neither", {"a": "0", "b": "0", "c": "0"}),
    ],
)
def test_what_is_better_becomes_gains(better: Verdict, gains: dict[str, str]) -> None:
    _, judged = exported([replace(SAID, better=better)])
    told = [line.split("\t") for line in judged.splitlines()]
    assert {product: gain for _, _, product, gain in told} == gains
    assert {(query, iteration) for query, iteration, _, _ in told} == {("1", "0")}


def test_which_of_two_catalogs_was_better_is_counted_whichever_came_first() -> None:
    one, other = replace(SAID.first, catalog="one"), replace(SAID.second, catalog="other")
    said = [
        replace(SAID, first=one, second=other, better="first"),
        replace(SAID, first=other, second=one, better="first"),
        replace(SAID, first=other, second=one, better="first"),
        replace(SAID, first=one, second=other, better="neither"),
        # Two settings of one catalog tell nothing of the two.
        replace(SAID, first=one, second=one, better="second"),
        SAID,
    ]
    assert tally(said, "one", "other") == {"one": 1, "other": 2, "both": 0, "neither": 1}


def test_what_is_said_again_counts_in_the_mean_and_a_query_has_one_id() -> None:
    several = [SAID, replace(SAID, words=" oak table "), replace(SAID, better="neither")]
    queries, judged = exported([*several, replace(SAID, words="", photo="x.jpg")])
    assert [json.loads(line) for line in queries.splitlines()] == [
        {"id": "1", "prompt": "oak table"},
        {"id": "2", "photo": "photos/x.jpg"},
    ]
    # 2, 2 and 0; 1, 1 and 0.
    assert sorted(judged.splitlines())[:3] == ["1\t0\ta\t1", "1\t0\tb\t1", "1\t0\tc\t0"]


def test_evaluate_reads_what_is_kept(tmp_path: Path) -> None:
    kept = Judgments(tmp_path / "judgments")
    assert kept.add(SAID) == 1
    photo = kept.keep_photo(b"photo", ".jpg")
    assert kept.keep_photo(b"photo", ".jpg") == photo
    assert kept.add(replace(SAID, words="yeşil koltuk", photo=photo)) == 2
    folder = tmp_path / "judgments"
    queries, set_aside = read_queries(folder / QUERIES_FILE)
    assert set_aside == []
    assert [each.prompt for each in queries] == ["oak table", "yeşil koltuk"]
    assert queries[1].photo == folder / "photos" / photo
    judged, set_aside = read_relevance_judgments(folder / JUDGMENTS_FILE)
    assert set_aside == []
    assert [(each.query, each.product, each.gain) for each in judged[:3]] == [
        ("1", "b", 1),
        ("1", "c", 0),
        ("1", "a", 2),
    ]
    said = kept.all()
    assert said[0].by == "shop"
    assert said[0].when
    assert (folder / PREFERENCES_FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "product", ["", " a ", "a\t0\tb\t2", "a\n1\t0\tz\t2", "a\rb", "a\0b", "a\u2028b"]
)
def test_a_product_of_no_catalog_forges_no_line(product: str) -> None:
    odd = replace(SAID, first=Side({}, (product,)), second=Side({}, ("b",)))
    assert exported([odd])[1] == "1\t0\tb\t0\n"


@pytest.mark.parametrize(
    ("words", "photo"), [("", ""), ("\x01 ", ""), ("x", "../x.jpg"), ("x", "gone.jpg")]
)
def test_a_query_that_cannot_be_asked_is_not_written(
    words: str, photo: str, tmp_path: Path
) -> None:
    kept = Judgments(tmp_path)
    line = json.dumps({**asdict(replace(SAID, words=words, photo=photo)), "when": ""})
    (tmp_path / PREFERENCES_FILE).write_text(f"{line}\n", "utf-8")
    assert kept.add(SAID) == 2
    (query,), set_aside = read_queries(tmp_path / QUERIES_FILE)
    assert (query.prompt, set_aside) == ("oak table", [])
    judged, set_aside = read_relevance_judgments(tmp_path / JUDGMENTS_FILE)
    assert ({each.query for each in judged}, set_aside) == ({query.id}, [])


def test_photos_that_nobody_judges_by_are_forgotten(tmp_path: Path) -> None:
    kept = Judgments(tmp_path)
    judged = kept.keep_photo(b"judged", ".jpg")
    kept.add(replace(SAID, photo=judged))
    names = []
    for number in range(25):
        names.append(kept.keep_photo(str(number).encode(), ".jpg"))
        os.utime(tmp_path / ".unjudged" / names[-1], (time.time() - 50 + number,) * 2)
    assert [kept.has_photo(name) for name in names] == [False] * 5 + [True] * 20
    # What a killed process leaves has no photo's name.
    left = tmp_path / ".unjudged" / ".x.jpg.0a.new"
    left.write_bytes(b"half")
    for path in (left, tmp_path / ".unjudged" / names[-1]):
        os.utime(path, (time.time() - 90_000,) * 2)
    kept = Judgments(tmp_path)
    assert not left.exists()
    assert not kept.has_photo(names[-1])
    assert kept.has_photo(names[-2])
    assert kept.has_photo(judged)


def test_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    kept = Judgments(tmp_path)
    (tmp_path / PREFERENCES_FILE).write_text('{"words": 1}\nno json\n', "utf-8")
    assert kept.add(SAID) == 1


def test_several_processes_lose_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from furniture_prompter.web.judging import Judgments, Preference, Side\n"
        "kept = Judgments(Path(sys.argv[1]))\n"
        "for n in range(10):\n"
        "    side = Side({}, (f'{sys.argv[2]}{n}',))\n"
        "    kept.add(Preference(f'query {n}', '', side, side, 'both'))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in "xy"
    ]
    assert [each.wait(60) for each in started] == [0, 0]
    assert len(Judgments(tmp_path).all()) == 20
    judged, _ = read_relevance_judgments(tmp_path / JUDGMENTS_FILE)
    assert {each.product for each in judged} == {f"{name}{n}" for name in "xy" for n in range(10)}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_closed_stops_the_server(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ServeError, match="setting judgments"):
        Judgments(tmp_path / "judgments")


def test_a_folder_that_is_a_file_stops_the_server(tmp_path: Path) -> None:
    (tmp_path / "judgments").write_text("")
    with pytest.raises(ServeError, match="setting judgments"):
        Judgments(tmp_path / "judgments")
