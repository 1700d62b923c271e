"""The shop's side without a browser: what it asks for, what it refuses, what it tells."""

import asyncio
import base64
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from furniture_prompter import index
from furniture_prompter.assembly import set_aside
from furniture_prompter.assembly.run_progress import shared_progress
from furniture_prompter.catalog.manifest import read_manifest
from furniture_prompter.domain import IndexProgress, LeftOut, SetAside
from furniture_prompter.errors import CatalogBusyError, ServeError
from furniture_prompter.evaluation.relevance import read_queries, read_relevance_judgments
from furniture_prompter.ingest.left_out import keep_left_out
from furniture_prompter.web.access import Scope, add_key
from furniture_prompter.web.behaviour import BehaviourLog
from furniture_prompter.web.errors import ApiError
from furniture_prompter.web.page_words import Words
from tests.integration.web.conftest import Api

PARTS = [
    ("GET", "versions"),
    ("GET", "diff?before=1&after=1"),
    ("GET", "set-aside"),
    ("GET", "health"),
    ("POST", "health"),
    ("GET", "encoders"),
    ("GET", "demand"),
    ("GET", "progress"),
    ("GET", "judge"),
    ("POST", "judge"),
    ("POST", "judge/answers"),
    ("GET", "report"),
    ("POST", "rollback"),
]


@pytest.fixture
def keyed(
    serve: Callable[..., Api], shop: Path, tmp_path: Path
) -> tuple[Api, dict[str, dict[str, str]]]:
    """A server of a catalog that may be written, and headers by scope."""
    shutil.copytree(shop / "catalog", tmp_path / "catalog")
    keys = tmp_path / "keys.json"
    scopes: dict[str, list[Scope]] = {"read": ["read"], "write": ["read", "write"]}
    headers = {name: {"X-API-Key": add_key(keys, name, each)} for name, each in scopes.items()}
    (tmp_path / "benchmark").mkdir()
    report = tmp_path / "benchmark"
    return serve(catalog=tmp_path / "catalog", api_keys=keys, benchmark_report=report), headers


def test_without_keys_it_says_how_to_begin_and_shows_nothing(api: Api) -> None:
    page = api("GET", "/admin", headers={"Accept-Language": "tr"})
    assert page.status_code == 200
    assert "--new-key shop --scope write" in page.text
    assert 'lang="tr"' in page.text
    assert "<script" not in page.text
    # Where the catalog lies, and what it is called, is told to a key alone.
    assert "--catalog katalogum" in page.text
    assert str(api.catalog.parent) not in page.text
    assert api.app.state.services.folder_name == api.catalog.name
    assert f" {api.catalog.name}<" not in page.text
    for method, part in PARTS:
        sent = {"json": {"version": 1}} if method == "POST" else {}
        status, code, message = api.error(method, f"/admin/{part}", **sent)
        assert (status, code) == (403, "forbidden")
        assert "/admin says how" in message


def test_with_keys_the_page_is_everybodys_and_its_parts_are_not(
    keyed: tuple[Api, dict[str, dict[str, str]]],
) -> None:
    api, headers = keyed
    page = api("GET", "/admin")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert " style=" not in page.text
    for method, part in PARTS:
        sent = {"json": {"version": 1}} if method == "POST" else {}
        assert api.error(method, f"/admin/{part}", **sent)[0] == 401
        assert api.error(method, f"/admin/{part}", headers=headers["read"], **sent)[0] == 403


def test_what_cannot_be_returned_to_is_told(keyed: tuple[Api, dict[str, dict[str, str]]]) -> None:
    api, headers = keyed
    write = headers["write"]
    for path in ("/admin/diff?before=7&after=1", "/admin/diff?before=1&after=7"):
        status, code, message = api.error("GET", path, headers=write)
        assert (status, code) == (409, "version_not_kept")
        assert "never had a version 7" in message
    sent = {"headers": write, "json": {"version": 1}}
    assert api.error("POST", "/admin/rollback", **sent)[:2] == (409, "version_not_kept")
    assert api.error("POST", "/admin/rollback", headers=write, json={"version": "1"})[0] == 422
    assert api.error("GET", "/admin/diff?before=one&after=1", headers=write)[0] == 422


def test_all_of_it_is_told_in_the_pages_language(
    keyed: tuple[Api, dict[str, dict[str, str]]], tmp_path: Path
) -> None:
    api, headers = keyed
    turkish = {**headers["write"], "Accept-Language": "tr"}
    path = "/admin/diff?before=7&after=1"
    assert api.error("GET", path, headers=turkish) == (
        409,
        "version_not_kept",
        "Kataloğun 7. sürümü hiç olmadı: geçerli olan 1. sürüm.",
    )
    assert "benchmark_report ayarındaki" in api.error("GET", "/admin/report", headers=turkish)[2]
    assert "judgments ayarıyla" in api.error("POST", "/admin/judge/answers", headers=turkish)[2]
    for given, code, said in (
        ({}, "unauthorized", "Bu anahtar geçersiz"),
        ({"headers": headers["write"], "content": b"{"}, "invalid_query", "JSON okunamıyor"),
        ({"headers": headers["write"], "json": {"version": "1"}}, "invalid_request", "Bu istek"),
    ):
        told = api.error("POST", "/admin/rollback?lang=tr", **given)
        assert told[1] == code
        assert said in told[2]
        assert " the " not in told[2].casefold()
    assert "API key is needed" in api.error("POST", "/admin/rollback")[2]
    busy = CatalogBusyError("The catalog /srv/shop is written.")
    with patch("furniture_prompter.assembly.versions", side_effect=busy):
        told = api.error("GET", "/admin/versions", headers=turkish)
    assert told[0] == 503
    assert told[2].startswith("Kataloğa şu anda başka bir işlem yazıyor.")
    # What has no words of its own is told by its code.
    late = ApiError(504, "timeout", "Never heard of.")
    with patch("furniture_prompter.assembly.versions", side_effect=late):
        told = api.error("GET", "/admin/versions", headers=turkish)
    assert told == (504, "timeout", Words("tr").problem("timeout"))
    items = (
        SetAside(Path("/srv/feed.csv"), 2, "'abc' is no price.", "Give what the product costs."),
        SetAside(Path("/srv/feed.csv"), 3, "Never heard of.", ""),
    )
    when = "2026-01-02T03:04:05Z"
    left = LeftOut("/srv/feed.csv", 1, "/srv/feed.csv", when, 2, 0, items)
    keep_left_out(tmp_path / "catalog", left)
    text = unescape(api("GET", "/admin/set-aside", headers=turkish).text)
    assert "<td>'abc' bir fiyat değil.</td><td>Ürünün fiyatını verin.</td>" in text
    assert '<td lang="en">Never heard of.</td><td></td>' in text
    text = api("GET", "/admin/encoders", headers=turkish).text
    assert "tam tarama" in text
    assert "Kelimeler fotoğraflarda ar" in text


def test_each_feed_has_what_its_own_last_run_set_aside(
    keyed: tuple[Api, dict[str, dict[str, str]]], tmp_path: Path
) -> None:
    api, headers = keyed
    write, turkish = headers["write"], {**headers["write"], "Accept-Language": "tr"}
    catalog = tmp_path / "catalog"
    (only,) = set_aside(catalog)
    item = SetAside(Path("/a/list.csv"), 7, "'abc' is no price.", "", "p7", "price")
    for place, (feed, source, count) in enumerate(
        (
            ("/a/list.csv", "/a/list.csv", 3),
            ("/b/list.csv", "/b/list.csv", 0),
            ("<lamps>", "/b/lamps-v2.csv", 600),
            ("crawl of shop.example", "/srv/.crawl/shop.example/products.jsonl", 0),
            ("https://shop.example/feed.xml", "/srv/.downloads/feeds/1.xml", 0),
        )
    ):
        when = f"2026-01-02T0{place}:00:00Z"
        left = LeftOut(feed, 2, source, when, count, count, (item,) * count)
        keep_left_out(catalog, left)
    text = unescape(api("GET", "/admin/set-aside", headers=write).text)
    told = [
        "https://shop.example/feed.xml, 2026-01-02 04:00 UTC, version 2: nothing was set aside.",
        "crawl of shop.example, 2026-01-02 03:00 UTC, version 2: nothing was set aside.",
        "<lamps> (lamps-v2.csv), 2026-01-02 02:00 UTC, version 2: 600 set aside.",
        "/b/list.csv, 2026-01-02 01:00 UTC, version 2: nothing was set aside.",
        "/a/list.csv, 2026-01-02 00:00 UTC, version 2: 3 set aside.",
    ]
    places = [text.find(sentence) for sentence in told]
    assert -1 not in places
    assert places == sorted(places)
    # The latest that could not use something is open, and two share what is shown of one alone.
    assert re.findall(r"<details class=\"check\"( open)?>", text) == [" open", ""]
    assert text.count("list.csv:7</td>") == 250 + 3
    assert "350 more are not shown" in text
    # A name that the catalog, gone back to a version before it, does not know any more.
    keep_left_out(catalog, replace(only, feed="gone", was=(only.feed,)))
    assert {each.feed for each in set_aside(catalog)} >= {only.feed, "<lamps>"}
    assert "gone" not in api("GET", "/admin/set-aside", headers=write).text
    text = unescape(api("GET", "/admin/set-aside", headers=turkish).text)
    assert "shop.example sitesinin taraması, 2026-01-02 03:00 UTC, 2. sürüm" in text
    assert "price atlandı: 'abc' bir fiyat değil." in text


def test_a_version_is_returned_to_and_answers(
    keyed: tuple[Api, dict[str, dict[str, str]]], shop: Path
) -> None:
    api, headers = keyed
    write = headers["write"]
    photo = base64.b64encode((shop / "photos" / "0.png").read_bytes()).decode()
    product = {"title": "New", "photos": [photo]}
    stored = api("PUT", "/v1/products/new", headers=write, json=product)
    assert stored.status_code == 201, stored.text
    listed = api("GET", "/admin/versions", headers=write)
    assert "writes over the API" in listed.text
    assert listed.headers["cache-control"] == "no-store"
    returned = api("POST", "/admin/rollback", headers=write, json={"version": 1})
    assert returned.status_code == 200
    assert "as version 1 was" in returned.text
    assert api("GET", "/v1/products/new", headers=write).status_code == 404
    assert "return to version 1" in api("GET", "/admin/versions", headers=write).text


def test_the_health_is_examined_beside_answering(
    keyed: tuple[Api, dict[str, dict[str, str]]],
) -> None:
    api, headers = keyed
    write = headers["write"]
    assert "Examine the data" in api("GET", "/admin/health", headers=write).text
    assert "data-running" in api("POST", "/admin/health", headers=write, json={}).text
    for _ in range(600):
        text = api("GET", "/admin/health", headers=write).text
        if "data-running" not in text:
            break
        api.runner.run(asyncio.sleep(0.05))
    assert "Version 1: 48 products, 48 photos" in text


def test_photos_that_found_nothing_are_shown_by_what_they_look_like(
    serve: Callable[..., Api], tmp_path: Path
) -> None:
    keys, events = tmp_path / "keys.json", tmp_path / "events"
    turkish = {"X-API-Key": add_key(keys, "buyer", ["read", "write"]), "Accept-Language": "tr"}
    api = serve(api_keys=keys, events=events, event_photos=50)
    assert "Henüz kimse bir şey aramadı." in api("GET", "/admin/demand", headers=turkish).text
    log = BehaviourLog(events, limit_photos=50)
    assert log.photos is not None
    for place in range(9):
        name = f"{place:064x}"
        log.photos.keep(name, np.full((20, 30, 3), 200, np.uint8), np.ones(4, np.float32))
        log.query("", {"photo": True, "photo_kept": name, "photo_words": "<b>lamp"}, [])
    room = f"{99:064x}"
    log.photos.keep(room, np.zeros((20, 20, 3), np.uint8), np.array([1, -1, 1, -1], np.float32))
    log.query("", {"photo": True, "photo_kept": room, "room": True}, [])
    log.query("Hammock", {"nothing_matches": True}, [])
    # A link among them leads nowhere.
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(b"secret")
    first = events / "photos" / f"{8:064x}.jpg"
    first.unlink()
    first.symlink_to(secret)
    text = api("GET", "/admin/demand", headers=turkish).text
    assert "&lt;b&gt;lamp</span>" in text
    assert text.count('<img src="data:image/jpeg;base64,') == 9
    assert base64.b64encode(b"secret").decode() not in text
    assert "Birkaç parçalı bir oda" in text
    assert "hammock</span>" in text
    assert "11 arama, 10 tanesi fotoğrafla." in text
    policy = api("GET", "/admin").headers["content-security-policy"]
    assert "img-src data: 'self' blob:;" in policy


def test_without_events_the_cure_is_told_in_place_of_what_is_asked_for(
    keyed: tuple[Api, dict[str, dict[str, str]]],
) -> None:
    api, headers = keyed
    assert "--events FOLDER" in api("GET", "/admin/demand", headers=headers["write"]).text


def test_two_answers_are_judged_and_evaluate_reads_it(
    serve: Callable[..., Api], shop: Path, tmp_path: Path
) -> None:
    keys, folder = tmp_path / "keys.json", tmp_path / "judgments"
    write = {"X-API-Key": add_key(keys, "buyer", ["read", "write"])}
    BehaviourLog(tmp_path / "events").query("<b>red chair", {}, [])
    api = serve(api_keys=keys, judgments=folder, events=tmp_path / "events")
    form = api("GET", "/admin/judge", headers={**write, "Accept-Language": "tr"}).text
    assert '<option value="&lt;b&gt;red chair">' in form
    assert "Şimdiye kadar 0 değerlendirme." in form
    asked = {"words": "red chair", "first.understand": "true", "second.understand": "false"}
    asked |= {"second.diversity": "0,9", "first.diversity": " "}
    files = {"file": ("photo.png", (shop / "photos" / "3.png").read_bytes())}
    answered = api("POST", "/admin/judge/answers", headers=write, data=asked, files=files)
    assert answered.status_code == 200, answered.text
    told = json.loads(unescape(re.findall(r'data-told="([^"]*)"', answered.text)[0]))
    assert told["first"]["options"] == {"understand": True}
    assert told["second"]["options"] == {"understand": False, "diversity": 0.9}
    assert len(told["first"]["products"]) == 6
    assert answered.text.count("data-better") == 4
    kept = api("POST", "/admin/judge", headers=write, json={**told, "better": "first"})
    assert "Judged so far: 1." in kept.text
    (query,), _ = read_queries(folder / "queries.jsonl")
    assert query.prompt == "red chair"
    assert query.photo == folder / "photos" / told["photo"]
    assert (folder / "photos" / told["photo"]).read_bytes() == files["file"][1]
    judged, set_aside = read_relevance_judgments(folder / "qrels.tsv")
    assert set_aside == []
    assert {each.product for each in judged if each.gain} == set(told["first"]["products"])
    said = json.loads((folder / "preferences.jsonl").read_text("utf-8"))
    assert (said["better"], said["by"]) == ("first", "buyer")
    for wrong in (
        {"better": "third"},
        {"photo": "../../x.jpg"},
        {"first": {"options": {}, "products": ["a"] * 7}},
    ):
        sent = {**told, "better": "both", **wrong}
        assert api.error("POST", "/admin/judge", headers=write, json=sent)[0] == 422
    turkish = {**write, "Accept-Language": "tr"}
    status, _, message = api.error(
        "POST", "/admin/judge/answers", headers=turkish, files={"words": (None, "")}
    )
    assert (status, message[:6]) == (400, "Aranac")
    for value in ("1,5", "-0.1", "x", "nan"):
        wrong_share = {"words": (None, "desk"), "first.diversity": (None, value)}
        status, _, message = api.error(
            "POST", "/admin/judge/answers", headers=turkish, files=wrong_share
        )
        assert status == 422
        assert f"“{value}” 0 ile 1 arasında" in message


def test_answers_of_two_catalogs_are_judged_and_told_which_is_better(
    serve: Callable[..., Api], shop: Path, tmp_path: Path
) -> None:
    keys, folder, beside = tmp_path / "keys.json", tmp_path / "judgments", tmp_path / "beside"
    write = {"X-API-Key": add_key(keys, "buyer", ["read", "write"])}
    lines = (shop / "feed.jsonl").read_text("utf-8").splitlines()
    shutil.copytree(shop / "photos", tmp_path / "photos")
    few = [line for line in lines if '"red' in line or "red " in line]
    assert 0 < len(few) < len(lines)
    (tmp_path / "few.jsonl").write_text("\n".join(few), "utf-8")
    index(tmp_path / "few.jsonl", beside)
    api = serve(api_keys=keys, judgments=folder, compare=beside)
    form = api("GET", "/admin/judge", headers=write).text
    own = api.catalog.name
    assert f"<option selected>{own}</option><option>beside</option>" in form
    assert f"<option>{own}</option><option selected>beside</option>" in form
    assert f"{own} was better 0 times, beside 0 times" in form
    asked = {"words": "blue chair", "first.catalog": own, "second.catalog": "beside"}
    files = {"file": ("photo.png", (shop / "photos" / "3.png").read_bytes())}
    answered = api("POST", "/admin/judge/answers", headers=write, data=asked, files=files)
    assert answered.status_code == 200, answered.text
    told = json.loads(unescape(re.findall(r'data-told="([^"]*)"', answered.text)[0]))
    assert (told["first"]["catalog"], told["second"]["catalog"]) == (own, "beside")
    reds = {json.loads(line)["id"] for line in few}
    assert set(told["second"]["products"]) <= reds
    assert not set(told["first"]["products"]) <= reds
    # Its photos take a key that may write, and no address of the API has them.
    photo = re.findall(r'data-photo="(admin/judge/images/[^"]+)"', answered.text)[0]
    shown = api("GET", f"/{photo}", headers=write)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert api.error("GET", f"/{photo}")[0] == 401
    assert api.error("GET", "/admin/judge/images/none", headers=write)[0] == 404
    kept = api("POST", "/admin/judge", headers=write, json={**told, "better": "second"})
    assert f"{own} was better 0 times, beside 1 times" in kept.text
    said = json.loads((folder / "preferences.jsonl").read_text("utf-8"))
    assert said["second"]["catalog"] == "beside"
    judged, _ = read_relevance_judgments(folder / "qrels.tsv")
    assert {each.product for each in judged if each.gain == 2} <= reds
    wrong = {"words": (None, "desk"), "first.catalog": (None, "elsewhere")}
    status, _, message = api.error("POST", "/admin/judge/answers", headers=write, files=wrong)
    assert (status, message) == (
        422,
        f"There is no such catalog here. Choose one of: {own}, beside.",
    )


def test_the_catalog_beside_is_followed_and_searched_by_its_own_encoders(
    serve: Callable[..., Api], shop: Path, tmp_path: Path
) -> None:
    keys, beside = tmp_path / "keys.json", tmp_path / "beside"
    write = {"X-API-Key": add_key(keys, "buyer", ["read", "write"])}
    lines = (shop / "feed.jsonl").read_text("utf-8").splitlines()
    shutil.copytree(shop / "photos", tmp_path / "photos")
    feed = tmp_path / "some.jsonl"
    feed.write_text("\n".join(lines[:8]), "utf-8")
    index(feed, beside)
    # Opened with what is named for the catalog that is served it could not be: there is none.
    api = serve(
        api_keys=keys,
        judgments=tmp_path / "judgments",
        compare=beside,
        catalog_poll_s=0.05,
        encoder="no-such-encoder",
        query_encoder=read_manifest(beside).encoder.name,
    )
    asked = {"words": "chair", "first.catalog": "beside", "second.catalog": "beside"}

    def shown() -> tuple[set[str], list[str]]:
        files = {name: (None, value) for name, value in asked.items()}
        text = api("POST", "/admin/judge/answers", headers=write, files=files).text
        told = json.loads(unescape(re.findall(r'data-told="([^"]*)"', text)[0]))
        return set(told["first"]["products"]), re.findall(r'"(admin/judge/images/[^"]+)"', text)

    before, _ = shown()
    assert before
    feed.write_text("\n".join(lines[8:24]), "utf-8")
    index(feed, beside, sync=True, remove_many=True)
    served = api("GET", "/readyz").json()
    for _ in range(200):
        api.runner.run(asyncio.sleep(0.05))
        after, pictures = shown()
        if not before & after:
            break
    assert after
    assert not before & after
    assert {api("GET", f"/{each}", headers=write).status_code for each in pictures} == {200}
    assert api("GET", "/readyz").json() == served


def test_events_and_judgments_share_no_folder(serve: Callable[..., Api], tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="setting judgments"):
        serve(judgments=tmp_path / "one", events=tmp_path / "two" / ".." / "one")


def side(*products: str, **options: object) -> dict[str, object]:
    return {"options": options, "products": products}


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": side("a\t0\tb\t2")},
        {"first": side("a\n1\t0\tzz\t2")},
        {"first": side(" a")},
        {"first": side("")},
        {"first": side("a" * 201)},
        {"first": side("a", diversity=1.5)},
        {"first": side("a", where="x")},
        {"words": ""},
        {"words": "\x01\t"},
        {"photo": f"{'a' * 64}.jpg"},
        {"first": side("b")},
    ],
)
def test_what_the_form_never_sends_is_no_judgment(
    serve: Callable[..., Api], tmp_path: Path, wrong: dict[str, Any]
) -> None:
    keys, folder = tmp_path / "keys.json", tmp_path / "judgments"
    write = {"X-API-Key": add_key(keys, "buyer", ["read", "write"])}
    api = serve(api_keys=keys, judgments=folder)
    sent = {"words": "desk", "photo": "", "first": side("a", understand=True, diversity=0)}
    sent |= {"second": side("b"), "better": "first"}
    assert api.error("POST", "/admin/judge", headers=write, json={**sent, **wrong})[0] == 422
    assert (folder / "preferences.jsonl").read_text("utf-8") == ""
    assert api("POST", "/admin/judge", headers=write, json=sent).status_code == 200


def test_equal_answers_have_no_better_one_to_click(
    serve: Callable[..., Api], tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    write = {"X-API-Key": add_key(keys, "buyer", ["read", "write"]), "Accept-Language": "tr"}
    api = serve(api_keys=keys, judgments=tmp_path / "judgments")
    same = {"words": (None, "red chair")}
    text = api("POST", "/admin/judge/answers", headers=write, files=same).text
    assert "İki sonuç aynı." in text
    assert re.findall(r"data-better(?:=\"(\w+)\")?", text) == ["both", "neither"]


def test_judgments_that_cannot_be_read_or_kept_are_told_in_a_sentence(
    serve: Callable[..., Api], shop: Path, tmp_path: Path
) -> None:
    keys, folder = tmp_path / "keys.json", tmp_path / "judgments"
    write = {"X-API-Key": add_key(keys, "buyer", ["read", "write"])}
    api = serve(api_keys=keys, judgments=folder)
    shutil.rmtree(folder)
    folder.write_text("")
    files = {"file": ("photo.png", (shop / "photos" / "3.png").read_bytes())}
    sent = {"words": "x", "photo": "", "first": side("a"), "second": side("b"), "better": "both"}
    for method, path, body in (
        ("GET", "judge", {}),
        ("POST", "judge/answers", {"files": files}),
        ("POST", "judge", {"json": sent}),
    ):
        status, _, message = api.error(method, f"/admin/{path}", headers=write, **body)
        assert (status, message) == (507, "Judgments cannot be kept; the server's log says why.")


def test_without_a_folder_nothing_is_judged_and_the_cure_is_told(
    keyed: tuple[Api, dict[str, dict[str, str]]],
) -> None:
    api, headers = keyed
    write = headers["write"]
    assert "FURNITURE_PROMPTER_JUDGMENTS" in api("GET", "/admin/judge", headers=write).text
    side: dict[str, Any] = {"options": {}, "products": []}
    sent = {"words": "x", "photo": "", "first": side, "second": side, "better": "both"}
    status, _, message = api.error("POST", "/admin/judge", headers=write, json=sent)
    assert status == 404
    assert "setting judgments" in message


def test_a_run_is_told_live_in_the_pages_language(
    keyed: tuple[Api, dict[str, dict[str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, headers = keyed
    monkeypatch.setattr("furniture_prompter.web.routes.admin._STREAM_S", 1.2)
    monkeypatch.setattr("furniture_prompter.web.routes.admin._LOOK_EVERY_S", 0.05)

    def events(language: str) -> list[str]:
        asked = {**headers["write"], "Accept-Language": language}
        answer = api("GET", "/admin/progress", headers=asked)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        return answer.text.strip().split("\n\n")

    (idle,) = events("en")
    assert idle.startswith("event: none\ndata: <p>No run over a feed")
    with shared_progress(tmp_path / "catalog", "index", "<b>feed.csv", None) as tell:
        tell(IndexProgress("reading Shopify CSV", 1_200, 5_000, "rows"))
        (told,) = events("tr")
        tell(IndexProgress("reading a table of unknown layout", 1, 2, "rows"))
        assert ">bilinmeyen düzende bir tablo okunuyor: " in "".join(events("tr")).replace(
            "<p>", ">"
        )
    assert told.startswith("event: run\n")
    assert all(line.startswith("data: ") for line in told.splitlines()[1:])
    assert "&lt;b&gt;feed.csv işleniyor." in told
    assert "Shopify CSV okunuyor: 1.200 / 5.000 satır" in told
    assert 'max="5000" value="1200"' in told


def test_the_report_of_a_benchmark_is_a_file_of_its_folder_alone(
    keyed: tuple[Api, dict[str, dict[str, str]]], tmp_path: Path
) -> None:
    api, headers = keyed
    write = headers["write"]
    folder = tmp_path / "benchmark"
    assert 'id="report-show"' in api("GET", "/admin").text
    status, code, message = api.error("GET", "/admin/report", headers=write)
    assert (status, code) == (404, "not_found")
    assert "furniture-prompter benchmark" in message
    assert str(tmp_path) not in message
    (tmp_path / "secret.html").write_text("secret", "utf-8")
    (folder / "report.html").symlink_to(tmp_path / "secret.html")
    assert api.error("GET", "/admin/report", headers=write)[0] == 404
    (folder / "report.html").unlink()
    os.mkfifo(folder / "report.html")
    assert api.error("GET", "/admin/report", headers=write)[0] == 404
    (folder / "report.html").unlink()
    (folder / "report.html").write_text("<h1>Report</h1>", "utf-8")
    answer = api("GET", "/admin/report", headers=write)
    assert answer.text == "<h1>Report</h1>"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; img-src data:")
    assert "connect-src" not in policy
    for path in ("/admin/report/secret.html", "/admin/report%2f..%2fsecret.html"):
        assert api("GET", path, headers=write).status_code == 404


def test_without_a_folder_of_benchmarks_nothing_offers_a_report(api: Api) -> None:
    assert "report-show" not in api("GET", "/admin").text


def test_a_server_ends_while_it_examines(
    keyed: tuple[Api, dict[str, dict[str, str]]],
) -> None:
    api, headers = keyed
    api("POST", "/admin/health", headers=headers["write"], json={})
    # The fixture ends it; an examination that went on would hold the catalog open.
    examination = api.app.state.services.examination
    api.runner.run(examination.close())
    assert not examination.is_running
