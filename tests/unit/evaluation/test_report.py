import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from furniture_prompter.evaluation.comparisons import conclusion
from furniture_prompter.evaluation.filing import of_encoder
from furniture_prompter.evaluation.report import (
    products_found,
    thumbnail,
    worst_against_teacher,
    write_report,
)
from furniture_prompter.evaluation.report.content import blocks_of
from furniture_prompter.evaluation.report.rendering import Figure, Table, escaped, markdown, page
from tests.unit.evaluation.runs import PHOTOS, a_run

HOSTILE = '<script>alert("1")</script>|`*_[x](y)'
UNITS = ("ms", "s", "joules", "MB", "px", "kB", "millions", "billions", "dimensions")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for place in range(PHOTOS):
        paths.append(folder / f"{place}.png")
        Image.new("RGB", (300, 200), (place, 100, 200)).save(paths[-1])
    return paths


class Tags(HTMLParser):
    """Holds what is open, and what the page would fetch."""

    VOID = frozenset({"meta", "img", "link", "br", "hr", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Tags:
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags


def test_the_report_is_written_whole_and_the_same_each_time(
    tmp_path: Path, photos: list[Path]
) -> None:
    write_report(a_run(), tmp_path / "a", photos.__getitem__)
    write_report(a_run(), tmp_path / "b", photos.__getitem__)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {"report.html", "report.md", "speed-against-quality.svg", "latency-stages.svg"} <= set(
        names
    )
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_page_is_well_formed_and_needs_nothing_else(tmp_path: Path, photos: list[Path]) -> None:
    write_report(a_run(), tmp_path, photos.__getitem__)
    tags = parsed((tmp_path / "report.html").read_text("utf-8"))
    names = [tag for tag, _ in tags.seen]
    assert not {"script", "link", "iframe"} & set(names)
    sources = [attrs["src"] for tag, attrs in tags.seen if tag == "img"]
    assert sources
    assert all(source and source.startswith("data:image/jpeg;base64,") for source in sources)
    assert all(attrs.get("alt") for tag, attrs in tags.seen if tag == "img")
    assert all(attrs.get("aria-label") for tag, attrs in tags.seen if tag == "figure")


def test_the_report_opens_with_its_conclusion_and_ends_with_what_was_left_out(
    photos: list[Path],
) -> None:
    text = markdown(blocks_of(a_run(), products_found(a_run(), photos.__getitem__)))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    assert headings == [
        "Benchmark: made-up shop",
        "1. Conclusion",
        "2. Products found",
        "3. Results",
        "Latency",
        "Retrieval quality",
        "Memory",
        "Finding the nearest vectors",
        "Whole queries",
        "4. Models compared",
        "5. System and data",
        "6. What was left out",
    ]
    assert text.index("One thing to know") < text.index("1. Conclusion")
    assert text.index("speed-against-quality.svg") < text.index("2. Products found")
    assert text.index("6. What was left out") < text.index("One thing was missing")


def test_every_table_names_its_data_and_every_figure_its_unit() -> None:
    tables = [block for block in blocks_of(a_run()) if isinstance(block, Table)]
    for table in tables[:-3]:
        assert "made-up shop" in table.caption
        assert all(len(row) == len(table.columns) for row in table.rows)
        for column in table.columns:
            timed = any(word in column for word in ("an image", "a query", "build", "resident"))
            assert not timed or any(
                re.search(rf"\b{unit}\b", f"{column} {table.caption}") for unit in UNITS
            ), column


def test_every_measure_is_explained_where_it_is_used() -> None:
    told = markdown(blocks_of(a_run()))
    used = {measure for each in a_run().answers for measure in each.values}
    for measure in used:
        assert f"- {measure}: " in told.replace("\\", ""), measure


def test_no_two_pictures_of_a_page_share_an_id(tmp_path: Path, photos: list[Path]) -> None:
    write_report(a_run(), tmp_path, photos.__getitem__)
    text = (tmp_path / "report.html").read_text("utf-8")
    ids = re.findall(r' id="([^"]+)"', text)
    assert any(each.startswith("speed-against-quality-") for each in ids)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_only_students_are_shown_at_their_worst(tmp_path: Path, photos: list[Path]) -> None:
    write_report(a_run(), tmp_path, photos.__getitem__)
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "queries on which student loses most" in text
    assert "queries on which twin loses most" not in text


def test_names_from_data_are_shown_and_never_run(photos: list[Path]) -> None:
    run = a_run()
    data = replace(
        run.data,
        name=HOSTILE,
        photo_names=tuple(f"{HOSTILE}{place // 2}/{place % 2}" for place in range(PHOTOS)),
        photo_categories=(HOSTILE,) * PHOTOS,
    )
    hostile = replace(run, data=data, flags=(HOSTILE,), command=HOSTILE)
    gallery = worst_against_teacher(hostile, "student", photos.__getitem__)
    assert gallery is not None
    blocks = blocks_of(hostile, [gallery])
    html = page(blocks)
    assert "script" not in [tag for tag, _ in parsed(html).seen]
    text = markdown(blocks)
    assert "<script>" not in text.replace("\\<script\\>", "")
    table = next(line for line in text.splitlines() if line.startswith("| command"))
    assert len(re.findall(r"(?<!\\)\|", table)) == 3


def test_markdown_escapes_what_it_would_read_as_more_than_a_letter() -> None:
    assert escaped("a|b\n`c` *d* <e>") == "a\\|b \\`c\\` \\*d\\* \\<e\\>"


def test_pictures_are_xml_with_words_for_who_cannot_see_them() -> None:
    pictures = [block for block in blocks_of(a_run()) if isinstance(block, Figure)]
    assert {picture.name for picture in pictures} == {
        "latency-stages",
        "speed-against-quality",
        "success-at-k",
        "by-category-student",
    }
    for picture in pictures:
        assert ET.fromstring(picture.svg).tag.endswith("svg")  # noqa: S314  (our own)
        assert "made-up shop" in picture.caption
        assert re.search(r"\d\.\d", picture.alternative)
    speed = next(picture for picture in pictures if picture.name == "speed-against-quality")
    assert "On the front: student, teacher." in speed.alternative


def test_intervals_stand_below_their_figures_and_are_read_with_them() -> None:
    table = Table(
        "a table; made-up shop", ("encoder", "AP", "s"), [("x", "0.5 [0.4, 0.6]", "2 (1 to 3)")]
    )
    shown = page([table])
    assert '0.5 <span class="spread">[0.4, 0.6]</span>' in shown
    assert '2 <span class="spread">(1 to 3)</span>' in shown


def test_a_gallery_shows_where_the_student_loses_most(photos: list[Path]) -> None:
    gallery = worst_against_teacher(a_run(), "student", photos.__getitem__)
    assert gallery is not None
    losses = [float(row.title.rsplit(" ", 1)[1]) for row in gallery.rows]
    assert losses == sorted(losses)
    assert all(loss < 0 for loss in losses)
    assert [name for name, _ in gallery.rows[0].found] == ["teacher", "student"]
    assert worst_against_teacher(a_run(), "student", lambda _: None) is None


def test_thumbnails_are_small_jpegs_and_what_is_no_photo_has_none(
    photos: list[Path], tmp_path: Path
) -> None:
    small = thumbnail(photos[0])
    assert small is not None
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, max(image.size)) == ("JPEG", 120)
    (tmp_path / "none.jpg").write_bytes(b"no photo")
    assert thumbnail(tmp_path / "none.jpg") is None
    assert thumbnail(None) is None


def test_what_the_suite_left_out_is_said() -> None:
    bare = replace(a_run(), latency=(), answers=(), memory=(), indexes=(), end_to_end=())
    text = markdown(blocks_of(bare)).partition("What was left out")[2]
    assert text.count("the suite leaves it out") == 4
    assert "Not asked of any encoder: index check, another view" in text
    assert "furniture-prompter evaluate" in text
    whole = markdown(blocks_of(a_run())).partition("What was left out")[2]
    assert "the suite leaves it out" not in whole
    assert "Not asked of any encoder: prompt to photo." in whole


def test_a_run_of_one_encoder_concludes_with_its_figures_beside_chance() -> None:
    run = replace(of_encoder(a_run(), "twin"), teacher="")
    alone = replace(run, encoders=run.encoders[1:], latency=run.latency[1:])
    told = conclusion(alone)
    assert told[0] == "twin takes 30.30 ms an image, from file to vector."
    assert re.match(r"Same category: AP 0\.\d{3} \(0\.\d{3} to 0\.\d{3}, .* by chance", told[1])


def test_without_a_teacher_galleries_show_queries_at_random_and_the_lowest(
    photos: list[Path],
) -> None:
    run = replace(a_run(), teacher="")
    sample, lowest = products_found(run, photos.__getitem__)
    assert "drawn at random" in sample.caption
    assert [name for name, _ in sample.rows[0].found] == ["teacher", "student", "twin"]
    values = [float(row.title.rsplit(" ", 1)[1]) for row in lowest.rows]
    assert values == sorted(values)
    assert values[0] == pytest.approx(min(run.answers[2].values["AP"]), abs=0.001)
    assert products_found(run, lambda _: None) == []
