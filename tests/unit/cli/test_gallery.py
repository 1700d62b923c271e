"""The page with pictures: whole, safe, and silent towards the network."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from furniture_prompter.cli.gallery import THUMBNAIL_SIDE_PX, render_gallery
from furniture_prompter.domain import Variant
from furniture_prompter.domain.query import (
    Crop,
    DidYouMean,
    LookedAt,
    Piece,
    PieceHits,
    Understood,
)
from furniture_prompter.search.confidence import NOTHING_CLOSE
from furniture_prompter.search.paging import told_of_photo

EVIL = "<script>alert(1)</script>\"'&${timings}<img src=x onerror=y>"


class _Tags(HTMLParser):
    """All tags with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def test_a_card_shows_what_the_hit_is(catalog: Any, make_hit: Callable[..., Any]) -> None:
    attributes = {"price": 1299.5, "width_cm": 40.0, "depth_cm": 41.5, "height_cm": 90.0}
    catalog.hits = (make_hit("Tabure", category="stool", color="white", attributes=attributes),)
    page = render_gallery(catalog.search("beyaz tabure", limit=5))
    for told in (
        *("<q>beyaz tabure</q>", "Tabure</h2>", "<li>stool</li>", "<li>white</li>"),
        *("price 1,299.5", "40 × 41.5 × 90 cm", "score 2.70", "<li>prompt-photo</li>"),
        *("total 2.5 ms", "shop, version 3, encoder efficientnet-lite2", "1 product"),
    ):
        assert told in page


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ({"height_cm": 75.0, "width_cm": 90.0, "length_cm": 180.0}, "180 × 90 × 75 cm"),
        ({"height_cm": 75.0, "diameter_cm": 90.0}, "Ø 90 × 75 cm"),
    ],
)
def test_a_card_says_length_and_diameter(
    catalog: Any, make_hit: Callable[..., Any], sizes: dict[str, float], told: str
) -> None:
    catalog.hits = (make_hit("Table", attributes=sizes),)
    assert f"<li>{told}</li>" in render_gallery(catalog.search("table", limit=5))


def test_a_card_says_which_variant_its_photo_shows(
    catalog: Any, make_hit: Callable[..., Any]
) -> None:
    grey = Variant("g", options={"Color": "<b>Grey</b>"}, attributes={"price": 599.0})
    catalog.hits = (replace(make_hit("Sofa"), variant=grey),)
    page = render_gallery(catalog.search("sofa", limit=5))
    assert "<li>in &lt;b&gt;Grey&lt;/b&gt;, 599</li>" in page


def test_everything_a_feed_or_a_query_says_is_escaped(
    catalog: Any, make_hit: Callable[..., Any]
) -> None:
    catalog.hits = (make_hit(EVIL, category=EVIL, color=EVIL, attributes={"price": EVIL}),)
    catalog.notes = (EVIL,)
    page = render_gallery(catalog.search(EVIL, photo=Path(EVIL), without=EVIL, where=EVIL, limit=1))
    tags = _Tags(page)
    assert tags.named("script") == []
    assert not any("onerror" in attributes for _, attributes in tags.tags)
    assert all((image["src"] or "").startswith("data:image/jpeg;") for image in tags.named("img"))
    assert "&lt;script&gt;" in page


def test_a_page_asks_nothing_of_the_network(catalog: Any) -> None:
    page = render_gallery(catalog.search("stool", photo=Path("a.jpg"), limit=5))
    tags = _Tags(page)
    policy = next(
        meta["content"] for meta in tags.named("meta") if meta.get("http-equiv") is not None
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert {name for name, _ in tags.tags}.isdisjoint({"script", "link", "iframe", "object"})
    assert "url(" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)


def test_a_thumbnail_is_a_small_jpeg_with_a_text_for_who_cannot_see_it(
    catalog: Any, make_hit: Callable[..., Any], tmp_path: Path
) -> None:
    big = tmp_path / "big.jpg"
    Image.new("RGB", (1600, 800), (120, 80, 40)).save(big)
    catalog.hits = (make_hit("Bench", photo=big),)
    (picture,) = _Tags(render_gallery(catalog.search("x", limit=1))).named("img")
    assert picture["alt"] == "Bench"
    data = base64.b64decode((picture["src"] or "").partition(",")[2])
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert image.size == (THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX // 2)


def test_a_photo_that_cannot_be_read_leaves_a_placeholder(
    catalog: Any, make_hit: Callable[..., Any]
) -> None:
    catalog.hits = (make_hit("Bench", photo=Path("/gone/a.jpg")),)
    page = render_gallery(catalog.search("x", limit=1))
    assert _Tags(page).named("img") == []
    assert 'aria-label="Bench: its photo cannot be read"' in page


def test_a_page_has_landmarks_one_heading_and_a_language(catalog: Any) -> None:
    tags = _Tags(render_gallery(catalog.search("stool", limit=5)))
    assert [len(tags.named(name)) for name in ("header", "main", "footer", "h1")] == [1, 1, 1, 1]
    assert len(tags.named("h2")) == 2
    assert tags.named("html") == [{"lang": "en"}]


def test_what_was_done_to_a_photo_is_told_in_both_languages(
    catalog: Any, make_hit: Callable[..., Any]
) -> None:
    result = catalog.search("chair", limit=5)
    photo = np.zeros((8, 8, 3), np.uint8)
    plain = replace(result, query=replace(result.query, photo=photo))
    assert 'lang="tr"' not in render_gallery(plain)
    looked_at = LookedAt(Crop(0.1, 0.1, 0.8, 0.8), 90)
    piece = PieceHits(Piece(Crop(0, 0, 0.5, 1), 0.9, f"couch{EVIL}"), ())
    sofa = PieceHits(Piece(Crop(0.5, 0, 0.5, 1), 0.8, "chair"), ())
    query = replace(plain.query, looked_at=looked_at)
    notes = (*told_of_photo(looked_at), "Another note.")
    page = render_gallery(replace(plain, query=query, pieces=(piece, sofa), notes=notes))
    # Once in each language, and not as the answer's note besides.
    assert page.count("clockwise") == 1
    assert "picture within the photo" not in page
    assert '<p class="note">Another note.</p>' in page
    for told in (
        *("turned upright (90° clockwise)", "Only the picture within your photo", ": --whole. "),
        *("döndürüldü (saat yönünde 90°)", "içindeki görsel arandı", "2. sandalye."),
    ):
        assert told in page
    assert page.count('<p class="note" lang="tr"') == 1
    # Here one clicks: nothing is to be typed again to choose a piece.
    assert "--piece" not in page
    assert EVIL not in page
    # A part that was given is told with its place, and is not to be undone.
    part = replace(plain.query, crop=Crop(0.1, 0.25, 1 / 3, 0.5))
    page = render_gallery(replace(plain, query=part))
    assert "--whole" not in page
    for told in (
        "you chose was searched. From 10 % left, 25 % top: 33 % wide, 50 % high.</p>",
        "seçtiğiniz kısmı arandı. Soldan %10, üstten %25; genişlik %33, yükseklik %50.</p>",
    ):
        assert told in page


def test_that_nothing_is_close_is_told_above_what_is_nearest(catalog: Any) -> None:
    found = replace(catalog.search("chair", limit=5), close=False, notes=(NOTHING_CLOSE,))
    page = render_gallery(found)
    assert page.count("Nothing here is close") == 1
    assert "Aradığınıza yakın bir ürün bulunamadı" in page
    assert page.index("Nothing here is close") < page.index('class="grid"')
    near = replace(catalog.search("chair", limit=5), close=True)
    assert "Nothing here is close" not in render_gallery(near)


def test_the_pieces_of_a_room_are_boxes_that_lead_to_what_answers_them(
    catalog: Any, make_hit: Callable[..., Any]
) -> None:
    result = catalog.search("chair", limit=5)
    sofa = replace(make_hit("Sofa, grey"), confidence=0.824)
    outer = PieceHits(Piece(Crop(0, 0, 1, 0.75), 0.9, f"couch{EVIL}"), (sofa,), close=True)
    inner = PieceHits(Piece(Crop(0.25, 0.25, 0.25, 0.25), 0.8, "chair"), (), close=False)
    query = replace(result.query, photo=np.zeros((60, 80, 3), np.uint8))
    page = render_gallery(replace(result, query=query, pieces=(outer, inner)))
    tags = _Tags(page)
    boxes = [link for link in tags.named("a") if link.get("class") == "box"]
    assert [link["href"] for link in boxes] == ["#piece-1", "#piece-2"]
    assert boxes[1]["aria-label"] == "2. chair"
    assert boxes[1]["style"] == "left:25.00%;top:25.00%;width:25.00%;height:25.00%;z-index:2"
    assert (boxes[0]["style"] or "").endswith("z-index:1")
    # Edges lie below every number: they come first, and none of them has a layer of its own.
    marks = [each for each in tags.named("span") if each.get("class") == "edge"]
    assert [each["data-piece"] for each in marks] == ["1", "2"]
    assert marks[1]["style"] == "left:25.00%;top:25.00%;width:25.00%;height:25.00%"
    assert page.rindex('class="edge"') < page.index('class="box"')
    assert re.search(r"\.box, \.edge \{[^}]*border: 2px solid transparent", page)
    assert [each.get("id") for each in tags.named("section")] == ["piece-1", "piece-2"]
    assert "Sofa, grey</h3>" in page
    assert page.count(" · 82% sure</p>") == 1
    # That nothing is close is told of the one piece, in each language.
    assert page.index('id="piece-2"') < page.index("Nothing here is close")
    assert (
        page.count("Nothing here is close")
        == page.count("Aradığınıza yakın bir ürün bulunamadı. En yakın olanlar:")
        == 1
    )
    shown = {hit.product.id for hit in (*result.hits, *outer.hits)}
    assert f'<p class="count">{len(shown)} products</p>' in page
    assert "No product answers this piece." in page
    # The box whose piece was chosen is marked without a script.
    assert ':root:has(#piece-2:target) .edge[data-piece="2"]' in page
    assert ':root:has(#piece-2:target) .box[href="#piece-2"] b' in page
    assert EVIL not in page
    # What the photo as a whole finds comes behind its pieces, and is called so.
    order = ['id="piece-1"', 'id="piece-2"', "The photo as a whole", "Fotoğrafın bütünü"]
    cards = [f'<h3><span class="aside">{hit.rank}. </span>' for hit in result.hits]
    assert sorted([*order, cards[-1]], key=page.rindex) == [*order, cards[-1]]
    assert "The photo as a whole" not in render_gallery(replace(result, query=query))
    # The photo stands there once.
    assert page.count("The photo that was") == 1


def test_what_of_the_photo_made_a_hit_match_is_bright_in_it(
    catalog: Any, make_hit: Callable[..., Any]
) -> None:
    dark, bright = (0.0,) * 7, (1.0,) * 7
    heat = (dark, dark, dark, dark, bright, bright, bright)
    catalog.hits = (replace(make_hit("Sofa"), heat=heat), make_hit("Stool"))
    result = catalog.search(None, photo=Path("room.jpg"), limit=5)
    photo = np.full((120, 80, 3), 200, np.uint8)
    # Only the right half was searched, lying on its side.
    looked_at = LookedAt(Crop(0.5, 0, 0.5, 1), 90)
    query = replace(result.query, photo=photo, looked_at=looked_at)
    page = render_gallery(replace(result, query=query))
    (shown,) = (each for each in _Tags(page).named("img") if each.get("class") == "heat")
    data = base64.b64decode((shown["src"] or "").partition(",")[2])
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (120, 40)
        levels = np.asarray(image.convert("L")).mean(axis=1)
    assert levels[:20].max() < 60
    assert levels[-10:].min() > 180
    assert "your photo is bright where" in page
    assert "aydınlık kalan" in page
    assert 'class="heat"' not in render_gallery(catalog.search("sofa", limit=5))
    catalog.hits = (replace(make_hit("Sofa"), heat=(dark,) * 7),)
    even = catalog.search(None, photo=Path("wall.jpg"), limit=5)
    page = render_gallery(replace(even, query=query))
    assert 'class="heat"' not in page
    assert "No part of your photo stands out" in page
    assert "tek bir yer öne çıkmıyor" in page
    assert "bright" not in page


def test_no_hits_say_so(catalog: Any) -> None:
    catalog.hits = ()
    page = render_gallery(catalog.search("stool", where="price < 0", limit=5))
    assert "No product answers this query. Loosen the filter." in page


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_words_stand_out_in_light_and_in_dark(catalog: Any) -> None:
    page = render_gallery(catalog.search("stool", limit=5))
    palettes = re.findall(r":root \{(.*?)\}", page, re.DOTALL)[:2]
    for palette in palettes:
        found = re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", palette)
        colours = {
            name: value if len(value) == 7 else "#" + "".join(2 * digit for digit in value[1:])
            for name, value in found
        }
        for words, ground in (
            *(("text", "ground"), ("text", "card"), ("soft", "ground"), ("soft", "card")),
            *(("accent", "ground"), ("label-text", "label")),
        ):
            light, dark = sorted((_luminance(colours[words]), _luminance(colours[ground])))[::-1]
            # WCAG 2.2, 1.4.3: 4.5 to 1 for text of ordinary size.
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (words, ground)


def test_what_was_understood_and_mended_is_told_as_the_command_tells_it(catalog: Any) -> None:
    result = replace(
        catalog.search("white sofaa", limit=5),
        did_you_mean=DidYouMean("white sofa", (("sofaa", "sofa"),)),
        understood=(Understood(EVIL, "base_colors", "contains", "white", "preference"),),
    )
    page = render_gallery(result)
    assert "<dt>did you mean</dt><dd>white sofa</dd>" in page
    assert "<dt>understood</dt>" in page
    assert "<script" not in page
    bare = render_gallery(replace(result, did_you_mean=None, understood=()))
    assert "did you mean" not in bare
    assert "<dt>understood</dt>" not in bare
