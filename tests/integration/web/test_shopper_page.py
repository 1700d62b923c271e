"""The shopper's page as the server renders it: without a browser, and so without scripts."""

import gzip
import hashlib
import io
import json
import re
from collections.abc import Callable
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest
from PIL import Image

from furniture_prompter import index
from furniture_prompter.web.access import add_key
from furniture_prompter.web.page import View
from tests.fakes import make_rows
from tests.integration.web.conftest import PRODUCTS, Api, running
from tests.tiny_detector import write_detector

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LINK = re.compile(r'(?:href|src|action)="([^"]*)"')
CARD = re.compile(r'class="card"')


def page(
    api: Api, address: str = "/", status: int = 200, *, method: str = "GET", **options: Any
) -> str:
    answer = api(method, address, headers={**HTML, **options.pop("headers", {})}, **options)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def links(text: str, having: str) -> list[str]:
    return [unescape(each) for each in LINK.findall(text) if having in unescape(each)]


def test_the_first_page_teaches_with_the_catalogs_own_words(api: Api) -> None:
    text = page(api)
    assert "Say it, or show it." in text
    tried = links(text, "q=")
    assert tried
    for each in tried[:3]:
        assert CARD.search(page(api, urljoin("/", each)))


def test_words_are_answered_as_the_api_answers_them(api: Api) -> None:
    text = page(api, "/?q=red+chair")
    found = api.search(prompt="red chair", limit=24)["hits"]
    titles = [hit["product"]["title"] for hit in found]
    shown = [unescape(each) for each in re.findall(r'class="name"><a [^>]*>([^<]*)<', text)]
    assert shown == titles
    # Everything is ranked; of what a limit leaves, as much.
    assert f"1–24 of {PRODUCTS}, best first" in text
    limited = page(api, "/?q=red+chair+under+300")
    passing = api.search(prompt="red chair under 300", limit=100)["hits"]
    assert f"1–24 of {len(passing)}, best first" in limited
    assert 24 < len(passing) < PRODUCTS
    assert f"v1/images/{found[0]['photo'].rpartition('/')[2]}?side_px=320" in text


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "No product is said to be “purple”."), ("tr", "“purple”: böyle olduğu belirtilen")],
)
def test_a_shopper_learns_that_nothing_is_of_the_colour(api: Api, language: str, told: str) -> None:
    assert told in unescape(page(api, "/?q=purple+chair", headers={"accept-language": language}))
    assert told not in unescape(page(api, "/?q=red+chair", headers={"accept-language": language}))


def test_every_address_is_relative_so_that_a_prefix_does_no_harm(api: Api) -> None:
    product = api.search(prompt="chair", limit=1)["hits"][0]["product"]["id"]
    for address in ("/", "/?q=chair&f.base_colors=red", f"/products/{product}", "/compare?id=p1"):
        found = LINK.findall(page(api, address))
        assert not [each for each in found if each.startswith(("/", "http"))], address
        for each in {unescape(link) for link in found if not link.startswith("#")}:
            path = urljoin(address, each).partition("?")[0]
            assert api("GET", path, headers=HTML).status_code == 200, (address, each)


def test_the_page_runs_nothing_that_is_written_in_it(api: Api) -> None:
    answer = api("GET", "/?q=chair", headers=HTML)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert " style=" not in answer.text
    assert "<style" not in answer.text
    assert re.findall(r"<script[^>]*>", answer.text) == re.findall(
        r'<script type="module" fetchpriority="low" src="[^"]*">', answer.text
    )


def test_the_first_page_is_laid_out_once_and_results_as_they_come(api: Api) -> None:
    waits = '<link rel="expect" href="#compare" blocking="render">'
    first = page(api, "/")
    assert waits in first[: first.index("</head>")]
    assert '<form id="compare"' in first
    assert "blocking" not in page(api, "/?q=chair")


def test_chosen_values_narrow_and_their_column_is_counted_as_if_they_were_not(api: Api) -> None:
    text = page(api, "/?q=chair&f.on_sale=true")
    chosen = api.search(prompt="chair", where="on_sale", limit=24)["hits"]
    assert len(CARD.findall(text)) == len(chosen)
    on_sale = text[text.index('data-fold="on_sale"') :]
    assert 'data-key="on_sale false"' in on_sale
    narrowed = links(text, "f.on_sale=false")
    assert any("f.on_sale=true" in each for each in narrowed)


def test_what_is_no_number_is_told_at_its_field_and_kept(api: Api) -> None:
    text = page(api, "/?q=chair&min.price=cheap&max.price=9999&f.on_sale=true")
    assert 'value="cheap"' in text
    assert 'value="9999"' in text
    assert "This is no number here." in text
    address = unescape(re.findall(r'data-address="([^"]*)"', text)[0])
    assert address == "?q=chair&f.on_sale=true&f.price=..9999"
    # 1.2 in English.
    assert "f.price=1200.." in page(api, "/?q=chair&min.price=1.200&lang=tr")


def test_pages_follow_each_other_without_repeating(api: Api) -> None:
    first = page(api, "/?q=chair")
    (further,) = links(first, "cursor=")
    second = page(api, urljoin("/", further))
    ids = [re.findall(r'href="\./(products/[^"?]*)"', text) for text in (first, second)]
    assert ids[0]
    assert ids[1]
    assert not set(ids[0]) & set(ids[1])


def prices_of(text: str) -> list[float]:
    return [float(each) for each in re.findall(r'class="price">([\d.]+)<', text)]


def test_what_is_of_the_kind_is_sorted_by_a_number_and_turned_in_pages(api: Api) -> None:
    first = page(api, "/?q=chair&sort=-price")
    (told,) = re.findall(r"(\d+) of the kind asked for, sorted: ", first)
    names = re.findall(r'class="name"><a [^>]*>(\w+)', first)
    assert [name == "chair" for name in names] == [at < int(told) for at in range(len(names))]
    # The last of the chairs has no price.
    of_kind, behind = prices_of(first)[: int(told) - 1], prices_of(first)[int(told) - 1 :]
    assert of_kind == sorted(of_kind, reverse=True)
    # What is dearer and no chair comes behind.
    assert max(behind) > of_kind[0]
    assert f"Aranan türden {told} ürün" in page(api, "/?q=chair&sort=-price&lang=tr")
    (further,) = set(links(first, "page=2"))
    following = page(api, urljoin("/", further))
    assert prices_of(following)


def test_an_empty_answer_offers_each_condition_to_be_taken_away(api: Api) -> None:
    text = page(api, "/?q=chair&f.price=99999..")
    assert "Nothing passes all of this" in text
    assert not CARD.search(text)
    assert any("f.price" not in each for each in links(text, "q=chair"))


def test_a_photo_comes_as_a_form_and_its_hash_is_the_address(api: Api, shop: Path) -> None:
    photo = (shop / "photos" / "0.png").read_bytes()
    answer = api(
        "POST",
        "/",
        files={"file": ("chair.png", photo)},
        data={"q": "chair", "xywh": "percent:10,10,50,50", "weight": "80"},
    )
    assert answer.status_code == 200
    assert CARD.search(answer.text)
    address = unescape(re.findall(r'data-address="([^"]*)"', answer.text)[0])
    assert f"photo={hashlib.sha256(photo).hexdigest()}" in address
    # Whoever was given the address sees the same, as long as the vector is remembered.
    again = page(api, urljoin("/", address))
    names = re.compile(r'class="name"><a [^>]*>([^<]*)<')
    assert names.findall(again) == names.findall(answer.text)


def test_a_photo_that_is_not_remembered_is_told_honestly(api: Api) -> None:
    text = page(api, f"/?photo={'0' * 64}", status=410)
    assert "photos are not stored" in text


def test_a_photo_that_cannot_be_read_keeps_the_words(api: Api) -> None:
    answer = api("POST", "/", files={"file": ("x.jpg", b"no photo")}, data={"q": "oak"})
    assert answer.status_code == 400
    assert "This photo cannot be read." in answer.text
    assert 'value="oak"' in answer.text


def test_a_form_that_is_cut_off_is_a_page_that_says_so(api: Api) -> None:
    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = api("POST", "/", content=b"--x\r\n", headers=kind)
    assert answer.status_code == 422
    assert "The form ends before its last boundary." in answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_a_form_of_another_site_is_refused(api: Api) -> None:
    answer = api("POST", "/", data={"q": "x"}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_a_product_has_a_page_with_its_photos_and_what_looks_like_it(api: Api) -> None:
    hit = api.search(prompt="chair", limit=1)["hits"][0]
    text = page(api, f"/products/{hit['product']['id']}")
    told = api("GET", f"/v1/products/{hit['product']['id']}").json()
    assert all(each.rpartition("/")[2] in text for each in told["photos"])
    assert len(CARD.findall(text.partition('aria-labelledby="similar"')[2])) == 8
    assert links(text, f"like={hit['product']['id']}")
    assert page(api, f"/?like={hit['product']['id']}")


def test_what_is_not_there_is_a_page_too(api: Api) -> None:
    for address in ("/products/gone?lang=en", "/?like=gone"):
        assert "This product is not here" in page(api, address, status=404)
    turkish = page(api, "/products/gone?lang=tr", status=404)
    assert "Bu ürün bulunamadı" in turkish
    assert 'lang="en"' not in turkish.partition("<main")[2]


def test_words_that_mean_nothing_are_told_to(api: Api) -> None:
    text = page(api, "/?q=asdfqwer+zzz")
    assert "Nothing here is close to what you asked for" in text
    assert 'class="why"' not in text
    assert "Nothing here is close" not in page(api, "/?q=red+chair")


def test_up_to_four_products_are_compared(api: Api) -> None:
    ids = [hit["product"]["id"] for hit in api.search(prompt="chair", limit=6)["hits"]]
    text = page(api, "/compare", params=[("id", each) for each in (*ids, "gone")])
    assert len(re.findall(r'<th scope="col">', text)) == 4
    assert "Choose up to four" in page(api, "/compare")


def test_the_language_is_the_browsers_own_until_one_is_asked_for(api: Api) -> None:
    turkish = {"accept-language": "tr-TR,tr;q=0.9"}
    answer = api("GET", "/", headers={**HTML, **turkish})
    assert "Anlatın ya da gösterin." in answer.text
    assert '<html lang="tr"' in answer.text
    assert "accept-language" in answer.headers["vary"].lower()
    assert "Say it" in page(api, "/?lang=en", headers=turkish)


def test_did_you_mean_and_chips_lead_on(api: Api) -> None:
    text = page(api, "/?q=red+chiar,+not+blue")
    assert "Shown for red chair, not blue." in text
    assert links(text, "literal=1")
    assert "not blue" in text


def test_files_are_kept_for_ever_under_their_hash(api: Api) -> None:
    (style,) = set(links(page(api), ".css"))
    answer = api("GET", urljoin("/", style), headers={"accept-encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["content-encoding"] == "gzip"
    plain = api("GET", urljoin("/", style), headers={"accept-encoding": "identity"})
    assert plain.text == answer.text
    assert api("GET", "/page/0123456789abcdef/page.css").status_code == 404
    assert api("GET", urljoin("/", style).replace("page.css", "..%2fpage.py")).status_code == 404


def test_our_own_code_is_at_most_60_kb_compressed() -> None:
    folder = files("furniture_prompter.web").joinpath("static")
    sizes = {each.name: len(gzip.compress(each.read_bytes(), 9)) for each in folder.iterdir()}
    assert {"page.js", "page.css"} <= set(sizes)
    assert sum(sizes.values()) <= 60_000


def test_with_keys_the_page_is_for_who_bears_one(serve: Callable[..., Api], tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    key = add_key(keys, "proxy", ("read",))
    api = serve(api_keys=keys)
    style = "/" + links(page(api, headers={"x-api-key": key}), ".css")[0]
    refused = api("GET", "/?q=chair", headers=HTML)
    assert (refused.status_code, refused.headers["location"]) == (307, "docs")
    assert api("GET", style).status_code == 200
    assert "embed.js" in api("GET", "/furniture-prompter.js").text
    for method, path in (("POST", "/"), ("GET", "/products/p1"), ("GET", "/compare")):
        assert api.error(method, path)[:2] == (401, "unauthorized")
    assert api.error("GET", "/", headers={"x-api-key": "wrong"})[:2] == (401, "unauthorized")


def test_the_page_counts_for_the_rate_limit_and_its_files_do_not(
    serve: Callable[..., Api],
) -> None:
    api = serve(rate_limit_per_minute=1)
    style = "/" + links(page(api), ".css")[0]
    assert api("GET", style).status_code == 200
    assert api.error("GET", "/?q=chair", headers=HTML)[:2] == (429, "too_many_requests")


@pytest.mark.parametrize(
    ("language", "own", "examples"),
    [
        ("en", "Mavi", {"Mavi masa"}),
        ("tr", "Mavi", {"110 cm'den dar masa"}),
    ],
)
def test_examples_glue_no_two_languages(
    tmp_path: Path, language: str, own: str, examples: set[str]
) -> None:
    make_rows(tmp_path / "photos", 4)
    lines = [
        {"id": str(n), "title": f"{own} masa", "category": "masa", "color": own}
        | {"image": f"photos/{n}.png", "width_cm": 60 + 20 * n}
        for n in range(4)
    ]
    (tmp_path / "feed.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    index(tmp_path / "feed.jsonl", tmp_path / "catalog")
    with running(tmp_path) as api:
        text = page(api, f"/?lang={language}").partition('class="tries"')[2]
    tried = re.findall(r'class="chip"[^>]*>([^<]*)<', text)
    assert tried
    assert all(
        not {"white", "blue", "under", "not"} & set(each.casefold().split()) for each in tried
    )
    assert examples & {unescape(each) for each in tried}, tried


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "كرسي خشبي {{ 7 * 7 }}",
    "x" * 300,
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    make_rows(folder / "photos", len(HOSTILE))
    lines = [
        {
            "id": f"{number} {title[:40]}",
            "title": title,
            "category": title[:60],
            "note": "javascript:alert(1)",
            "image": f"photos/{number}.png",
        }
        for number, title in enumerate(HOSTILE)
    ]
    feed = folder / "feed.jsonl"
    feed.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    index(feed, folder / "catalog")
    return folder


def test_titles_of_a_feed_stay_text(hostile: Path) -> None:
    with running(hostile) as api:
        for address in ("/", "/?q=script", "/?q=%3Cscript%3E&without=%22%3Ered"):
            text = page(api, address)
            assert "<script>alert" not in text
            assert "<img src=x" not in text
        listed = page(api, "/?q=alert")
        assert "{{ 7 * 7 }}" in unescape(listed)
        for address in {*links(listed, "products/"), *links(listed, "like=")}:
            answer: httpx.Response = api("GET", urljoin("/", address), headers=HTML)
            assert answer.status_code == 200, address
            assert "<img src=x" not in answer.text


def test_a_photo_by_its_address_is_searched_with_where_the_server_fetches(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = serve(fetch_photos=True)
    asked: list[str] = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        return (api.photos / "0.png").read_bytes()

    monkeypatch.setattr(api.app.state.services.fetcher, "fetch", fetch)
    assert 'name="address"' in page(api)
    sent = {"q": (None, "chair"), "address": (None, "shop.example/0.png")}
    text = page(api, "/", method="POST", files=sent)
    assert asked == ["https://shop.example/0.png"]
    assert "“chair”, like your photo" in unescape(text)
    # What the page is at from now on names the photo, and not where it came from.
    assert "shop.example" not in text
    digest = hashlib.sha256((api.photos / "0.png").read_bytes()).hexdigest()
    assert f"photo={digest}" in text


def test_a_photo_by_its_address_is_refused_where_the_server_fetches_none(api: Api) -> None:
    assert 'name="address"' not in page(api)
    sent = {"address": (None, "https://shop.example/0.png")}
    assert "this server fetches none" in page(api, "/", 400, method="POST", files=sent)


def test_what_is_asked_and_clicked_is_written_down_where_the_server_was_told(
    serve: Callable[..., Api], tmp_path: Path
) -> None:
    api = serve(events=tmp_path / "events")
    text = page(api, "/?q=red+chair")
    (query,) = re.findall(r'data-query="([0-9a-f]{32})" data-first="1"', text)
    page(api, "/?q=red+chair&f.color=red")
    files = {"file": ("a.png", (api.photos / "0.png").read_bytes(), "image/png")}
    page(api, "/", method="POST", files=files)
    page(api, "/?q=chair&f.price=99999..")
    page(api, "/")
    first, narrowed, photo, none = (
        json.loads(line)
        for line in (tmp_path / "events" / "ubi_queries.jsonl").read_text().splitlines()
    )
    assert first["user_query"] == "red chair"
    assert first["query_attributes"]["goes_on"] is False
    assert first["query_response_hit_ids"]
    assert narrowed["query_attributes"]["goes_on"] is True
    assert photo["query_attributes"]["photo"] is True
    assert photo["query_attributes"]["photo_words"]
    assert none["query_attributes"]["nothing_matches"] is True
    product = first["query_response_hit_ids"][0]
    event = {"query": query, "session": "s", "action": "click", "product": product, "place": 1}
    assert api("POST", "/events", json=event).status_code == 204
    for wrong in ({"action": "buy"}, {"place": 0}, {"query": "x"}, {"more": 1}, {"product": ""}):
        assert api.error("POST", "/events", json={**event, **wrong})[0] == 422
    lines = (tmp_path / "events" / "ubi_events.jsonl").read_text().splitlines()
    assert [json.loads(line)["query_id"] for line in lines] == [query]


def test_nothing_is_written_down_unasked(api: Api) -> None:
    assert 'data-query=""' in page(api, "/?q=red+chair")
    event = {"query": "0" * 32, "session": "s", "action": "click", "product": "p", "place": 1}
    assert api.error("POST", "/events", json=event)[0] == 404


ENGLISH = re.compile(r"\b(?:the|this|that|give|with|save|photo|turned|search|nothing|here)\b", re.I)
"""Words of no Turkish sentence, and of no product of the test's catalog."""


def shown(text: str) -> str:
    """What a shopper reads of a page, and what is read to them."""
    body = re.sub(r"<(script|style)[^>]*>.*?</\1>|<title>.*?</title>", " ", text, flags=re.DOTALL)
    spoken = re.findall(r' (?:aria-label|title|placeholder|alt|data-say)="([^"]*)"', body)
    return unescape(" ".join([*spoken, re.sub(r"<[^>]*>", " ", body)]))


def test_a_turkish_page_has_no_english_whatever_is_asked(api: Api, shop: Path) -> None:
    small = {"file": ("photo.png", (shop / "photos" / "1.png").read_bytes()[:60])}
    text = {"file": ("photo.png", b"no photo at all")}
    sideways = io.BytesIO()
    Image.open(shop / "photos" / "3.png").rotate(-90, expand=True).save(sideways, "PNG")
    turned = {"file": ("photo.png", sideways.getvalue())}
    address = {"lang": (None, "tr"), "address": (None, "shop.example/a.jpg")}
    pages = [
        page(api, "/?lang=tr"),
        page(api, "/?lang=tr&q=kirmizi+sandalye+100+cm+alti"),
        page(api, "/?lang=tr&q=qzxv+wkjq"),
        page(api, "/?lang=tr&q=sandalye&f.price=999999.."),
        page(api, "/?lang=tr&q=sandalye&min.price=ucuz&max.price=3"),
        page(api, "/products/p1?lang=tr"),
        page(api, "/compare?lang=tr&id=p1&id=p2"),
        page(api, f"/?lang=tr&photo={'0' * 64}", 410),
        page(api, "/products/none?lang=tr", 404),
        page(api, "/?lang=tr&q=%E2%80%A6", 400),
        page(api, f"/?lang=tr&q={'a' * 2_001}", 400),
        page(api, "/?lang=tr&q=masa&cursor=none", 400),
        page(api, "/?lang=tr&q=masa&f.none=x"),
        page(api, "/", 400, method="POST", data={"lang": "tr"}, files=small),
        page(api, "/", 400, method="POST", data={"lang": "tr"}, files=text),
        page(api, "/", 400, method="POST", files=address),
        page(api, "/", method="POST", data={"lang": "tr", "q": "başka renkte"}, files=turned),
    ]
    for each in pages:
        told = re.sub(r"\{\w+\}|Furniture Prompter", "", shown(each))
        assert not ENGLISH.findall(told), told
    assert "Bu dosya bilinen türden bir fotoğraf değil" in pages[14]
    assert "(saat yönünde 270°)" in pages[-1]
    assert "fotoğraftaki renk olmasın" in pages[-1]


def test_what_was_done_to_a_photo_is_told_and_its_link_needs_no_photo(api: Api) -> None:
    sideways = io.BytesIO()
    Image.open(api.photos / "3.png").rotate(-90, expand=True).save(sideways, "PNG")
    files = {"file": ("photo.png", sideways.getvalue())}
    text = page(api, "/", method="POST", data={"q": ""}, files=files)
    assert "Your photo was turned upright (270° clockwise)." in text
    (link,) = links(text, "whole=1")
    whole = page(api, urljoin("/", link))
    assert "turned upright" not in whole
    assert "the whole photo, as it is" in whole
    first = [re.findall(r'href="\./products/([^"?]*)"', each)[0] for each in (text, whole)]
    assert first[0] == "p3"
    assert first[1] != "p3"
    # Of another photo nobody has said that it is to stay as it is.
    again = {"whole": "1", "photo": "0" * 64}
    assert "turned upright" in page(api, "/", method="POST", data=again, files=files)


WHOLE = "ışığı ve duvarlarıyla birlikte fotoğrafın bütününe benziyor"


def test_the_pieces_of_a_room_are_links(
    serve: Callable[..., Api], tmp_path: Path, shop: Path
) -> None:
    boxes = [((4, 20, 28, 44), "couch", 0.9), ((36, 20, 60, 44), "chair", 0.8)]
    api = serve(detector=write_detector(tmp_path / "tiny", boxes), events=tmp_path / "events")
    noise = np.random.default_rng(1).integers(200, 256, (256, 256, 3), np.uint8)
    room = Image.fromarray(noise)
    for number, left in ((4, 16), (19, 144)):
        room.paste(Image.open(api.photos / f"{number}.png"), (left, 80))
    data = io.BytesIO()
    room.save(data, "PNG")
    files = {"file": ("room.png", data.getvalue())}
    text = page(api, "/", method="POST", data={"lang": "tr"}, files=files)
    assert named(text) == ["1. kanepe", "2. sandalye"]
    # Results of the whole photo are called so, those of a piece are not.
    assert WHOLE in text
    # The address of the page has them too, without the photo.
    address = unescape(re.findall(r'data-address="([^"]*)"', text)[0])
    assert named(page(api, urljoin("/", address))) == ["1. kanepe", "2. sandalye"]
    # So have those of its pieces, which are encoded by then; the one that is searched is marked.
    for number, own in enumerate(("p4", "p19")):
        chosen = page(api, urljoin("/", links(text, "xywh=")[number]))
        assert re.findall(r'href="\./products/([^"?]*)', chosen)[0] == own
        assert named(chosen) == ["1. kanepe", "2. sandalye"]
        (marked,) = re.findall(r'data-key="piece-(.)"[^>]*aria-current', chosen)
        assert int(marked) == number + 1
        assert WHOLE not in chosen
    whole = page(api, "/", method="POST", data={"lang": "tr", "whole": "1"}, files=files)
    assert named(whole) == []
    # The room is written down as none of its pieces, a piece as what it is.
    written = (tmp_path / "events" / "ubi_queries.jsonl").read_text("utf-8").splitlines()
    told = [json.loads(line)["query_attributes"] for line in written]
    assert [each["room"] for each in told] == [True, True, False, False, True]
    assert [bool(each["photo_words"]) for each in told] == [not each["room"] for each in told]


def test_a_photo_that_found_nothing_is_kept_small_where_the_shop_says_so(
    serve: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(name: str, *, close: bool, **settings: Any) -> tuple[list[str], list[Any]]:
        folder = tmp_path / name
        api = serve(events=folder, **settings)
        monkeypatch.setattr(View, "nothing_close", not close)
        files = {"file": ("photo.png", (api.photos / "3.png").read_bytes())}
        for data in ({"q": ""}, {"q": "chair"}):
            page(api, "/", method="POST", data=data, files=files)
        told = (folder / "ubi_queries.jsonl").read_text("utf-8").splitlines()
        kept = [json.loads(line)["query_attributes"].get("photo_kept") for line in told]
        return sorted(path.name for path in folder.glob("photos/*")), kept

    names, told = asked("kept", close=False, event_photos=5)
    assert names == [f"{told[0]}.f16", f"{told[0]}.jpg"]
    # It is asked twice, and kept once.
    assert told == [told[0], told[0]]
    assert asked("close", close=True, event_photos=5) == ([], [None, None])
    assert asked("off", close=False) == ([], ["", ""])


def named(text: str) -> list[str]:
    found = re.findall(r'<span class="piece-name">(.*?)</span></a>', text)
    return [re.sub(r"<[^>]*>", "", each) for each in found]
