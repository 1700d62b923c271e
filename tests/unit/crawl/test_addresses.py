"""One spelling for each page, and what kind of page an address leads to."""

import pytest

from furniture_prompter.crawl.addresses import page_address, pattern_of, same_shop


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/p/1#top", "https://shop.example/p/1"),
        ("?page=2", "https://shop.example/c/x?page=2"),
        ("HTTPS://Shop.Example:443/A", "https://shop.example/A"),
        ("/p?utm_source=a&color=1&GCLID=2&fbclid=3", "https://shop.example/p?color=1"),
        ("/p;jsessionid=12?b=2&a=1", "https://shop.example/p?b=2&a=1"),
        ("/yastık ışık", "https://shop.example/yast%C4%B1k%20%C4%B1%C5%9F%C4%B1k"),
        ("https://shop.example", "https://shop.example/"),
        ("mailto:a@b.example", ""),
        ("javascript:void(0)", ""),
        ("/photo.JPG", ""),
        ("/p?add-to-cart=7", ""),
        ("https://me:pw@shop.example/", ""),
        ("https://[::1", ""),
        ("https://shop.example:99999/", ""),
        ("/" + "x" * 3_000, ""),
    ],
)
def test_pages_have_one_spelling(address: str, page: str) -> None:
    assert page_address(address, "https://shop.example/c/x?page=1") == page


def test_the_order_of_parameters_stays_for_robots_rules_may_name_the_first() -> None:
    assert page_address("https://s.example/c?sort=a&page=2") == "https://s.example/c?sort=a&page=2"


def test_the_shop_is_its_host_with_or_without_www() -> None:
    assert same_shop("https://www.shop.example/a", "http://shop.example/")
    assert not same_shop("https://cdn.shop.example/a", "https://shop.example/")
    assert not same_shop("https://shop.example.evil.example/", "https://shop.example/")


def test_endless_pages_share_a_pattern() -> None:
    months = {pattern_of(f"https://s.example/calendar/{y}/{m}") for y in (2026, 9) for m in (1, 12)}
    assert months == {"/calendar/#/*"}
    assert pattern_of("https://s.example/c?b=1&a=2") == "/*?a&b"
