"""The guard: hosts that were named one by one, and addresses as they are told."""

import asyncio
import socket
from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from furniture_prompter.domain.feed import is_web_address
from furniture_prompter.fetching.public_addresses import (
    AddressError,
    Guard,
    shown_address,
)
from furniture_prompter.settings import Settings


def asked(guard: Guard, url: str) -> str:
    return str(asyncio.run(guard.address(guard.parse(url))))


async def at_home(host: str, port: int) -> Sequence[str]:
    return ["192.168.0.9"]


async def unknown(host: str, port: int) -> Sequence[str]:
    raise socket.gaierror(socket.EAI_AGAIN, "try again")


def test_a_private_host_is_asked_where_it_was_named_with_its_port() -> None:
    guard = Guard(at_home, private_hosts=("127.0.0.1:8123", "[::1]:80", "Images.Intern:443"))
    assert asked(guard, "http://127.0.0.1:8123/a.jpg") == "127.0.0.1"
    assert asked(guard, "http://[::1]/a.jpg") == "::1"
    assert asked(guard, "https://images.intern/a.jpg") == "192.168.0.9"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8124/",
        "http://127.0.0.1/",
        "http://127.0.0.2:8123/",
        "http://localhost:8123/",
        "http://images.intern/",
        "https://a.images.intern/",
        "http://0x7f.0.0.1:8123/",
        "http://user@127.0.0.1:8123/",
        "file://127.0.0.1:8123/etc/passwd",
    ],
)
def test_nothing_beside_the_named_hosts_is_asked(url: str) -> None:
    guard = Guard(at_home, private_hosts=("127.0.0.1:8123", "images.intern:443"))
    with pytest.raises(AddressError):
        asked(guard, url)


def test_a_name_that_is_not_known_is_told_unless_strangers_ask() -> None:
    with pytest.raises(AddressError, match="not known") as told:
        asked(Guard(unknown), "http://shop.example/")
    assert told.value.temporary
    with pytest.raises(AddressError, match="public address"):
        asked(Guard(unknown, discreet=True), "http://shop.example/")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@shop.example/a.jpg?sig=1#x", "https://shop.example/a.jpg?…"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("https://shop.example:x/a?k=1", "a broken address"),
        ("https://shop.example/" + "a" * 300, "https://shop.example/" + "a" * 179 + "…"),
    ],
)
def test_an_address_is_told_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_address(url) == shown


def test_what_is_meant_as_an_address_is_one_in_any_case() -> None:
    assert is_web_address("HTTPS://Shop.example/feed.xml")
    assert is_web_address("http://[broken")
    assert not is_web_address("ftp://shop.example/feed.xml")
    assert not is_web_address("httpd.csv")


def test_hosts_are_listed_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "FURNITURE_PROMPTER_ALLOW_PRIVATE_HOSTS"
    monkeypatch.setenv(name, "127.0.0.1:8123, [::1]:80")
    assert Settings().allow_private_hosts == ("127.0.0.1:8123", "[::1]:80")
    monkeypatch.setenv(name, '["Images.Intern:80"]')
    assert Settings().allow_private_hosts == ("images.intern:80",)
    for wrong in ("127.0.0.1", "*", "http://127.0.0.1:80", "127.0.0.1:80/x", "[oops]"):
        monkeypatch.setenv(name, wrong)
        with pytest.raises(ValidationError):
            Settings()


@pytest.mark.parametrize("host", ["xn--", "xn--.example"])
def test_a_name_that_no_letters_can_be_made_of_is_no_address(host: str) -> None:
    with pytest.raises(AddressError, match="is none"):
        Guard().parse(f"http://{host}/chair.jpg")
