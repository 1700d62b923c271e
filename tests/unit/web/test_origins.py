"""What a page of another site can make a browser send, and what becomes of it here."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.origins import GuardOrigins
from tests.unit.web.asgi import Client


async def taken(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def ask(headers: dict[str, str], method: str = "GET", **settings: Any) -> Client:
    guard = GuardOrigins(taken, ServeSettings(**settings))
    return asyncio.run(Client(headers=headers, method=method).call(guard))


@pytest.mark.parametrize(
    "host",
    ["localhost:8000", "LocalHost", "localhost.", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000",
     "shop.localhost:1"],
)  # fmt: skip
def test_on_loopback_every_loopback_name_is_answered(host: str) -> None:
    assert ask({"host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example",
     "xlocalhost", "10.0.0.5", "[2001:db8::1]", "[::1", "[::1]8000", "localhost:80:80",
     "localhost:8x", "localhost, evil.example", "user@localhost", ""],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_on_loopback_any_other_name_is_refused_and_the_setting_named(
    host: str, method: str
) -> None:
    asked = ask({"host": host}, method)
    assert asked.status == 421
    assert asked.body["error"]["code"] == "misdirected"
    assert "FURNITURE_PROMPTER_ALLOWED_HOSTS" in asked.body["error"]["message"]


def test_a_request_without_host_comes_from_no_browser() -> None:
    assert ask({}).status == 200


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("shop.example", "Shop.Example:443", 200),
        ("shop.example", "a.shop.example", 421),
        ("*.shop.example", "a.b.shop.example", 200),
        ("*.shop.example", "shop.example", 421),
        ("*.shop.example", "evilshop.example", 421),
        ("[2001:db8::1]", "[2001:DB8::1]:8000", 200),
        ("*", "evil.example", 200),
        ("shop.example", "localhost", 200),
    ],
)
def test_names_of_the_settings_are_answered_too(allowed: str, host: str, status: int) -> None:
    assert ask({"host": host}, allowed_hosts=[allowed]).status == status


@pytest.mark.parametrize(
    ("settings", "host", "status"),
    [
        # Behind keys a page that got here by its own name still has no key.
        ({"api_keys": Path("keys.json")}, "anything.example", 200),
        ({"api_keys": Path("keys.json"), "allowed_hosts": ["shop.example"]}, "evil.example", 421),
        ({"api_keys": Path("keys.json"), "allowed_hosts": ["shop.example"]}, "10.0.0.5:80", 200),
        # Without keys only what no page can point elsewhere.
        ({"open_access": True}, "10.0.0.5:8000", 200),
        ({"open_access": True}, "[2001:db8::1]", 200),
        ({"open_access": True}, "localhost", 200),
        ({"open_access": True}, "evil.example", 421),
    ],
)
def test_on_a_public_address_it_depends_on_keys(
    settings: dict[str, Any], host: str, status: int
) -> None:
    assert ask({"host": host}, host="0.0.0.0", **settings).status == status  # noqa: S104


def test_the_name_that_it_listens_on_is_its_own() -> None:
    assert ask({"host": "shop.lan:8000"}, host="shop.lan", open_access=True).status == 200


@pytest.mark.parametrize("host", ["https://shop.example", "shop.example:80", "a/b", "*.*", ""])
def test_a_host_written_as_none_is_a_setting_that_does_not_fit(host: str) -> None:
    with pytest.raises(ValidationError):
        ServeSettings(allowed_hosts=(host,))


OWN = {"host": "localhost:8000"}
EVIL = {"origin": "https://evil.example"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:8000"}, 200),
        ({"origin": "https://localhost:8000", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "https://shop.example", "sec-fetch-site": "cross-site"}, 200),
        (EVIL, 403),
        ({**EVIL, "sec-fetch-site": "same-origin"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://[x"}, 403),
        ({"origin": "http://localhost:3000", "sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://localhost:8000", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"])
def test_only_own_and_listed_pages_may_send_what_is_no_plain_reading(
    headers: dict[str, str], status: int, method: str
) -> None:
    asked = ask({**OWN, **headers}, method, cors_origins=("https://shop.example",))
    assert asked.status == status
    if status == 403:
        assert asked.body["error"]["code"] == "forbidden"
        assert "--cors-origin" in asked.body["error"]["message"]
    # What is written nowhere may be read: browsers show its answer to no other site's page.
    assert ask({**OWN, **headers}, "GET").status == 200


def test_one_foreign_origin_beside_a_listed_one_is_foreign() -> None:
    guard = GuardOrigins(taken, ServeSettings(cors_origins=("https://shop.example",)))
    client = Client(headers=OWN, method="POST")
    client.scope["headers"] += [(b"origin", b"https://shop.example"), (b"origin", b"https://evil")]
    assert asyncio.run(client.call(guard)).status == 403


def test_with_any_origin_listed_any_page_may() -> None:
    assert ask({**OWN, **EVIL}, "POST", cors_origins=("*",)).status == 200
