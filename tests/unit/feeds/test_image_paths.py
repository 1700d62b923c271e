import os
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from furniture_prompter.feeds.cells import UnusableValueError
from furniture_prompter.feeds.rows import ImageFolder


@pytest.fixture
def outside(shop: Path) -> Path:
    path = shop.parent / "secret.jpg"
    path.write_bytes(b"not for sale")
    return path


@pytest.mark.parametrize(
    "form", ["../secret.jpg", "sub/../../secret.jpg", "./../shop/../secret.jpg"]
)
def test_a_path_that_climbs_out_is_refused(shop: Path, outside: Path, form: str) -> None:
    with pytest.raises(UnusableValueError, match="folder"):
        ImageFolder(shop).locate(form)


def test_an_absolute_path_outside_is_refused(shop: Path, outside: Path) -> None:
    with pytest.raises(UnusableValueError, match="folder"):
        ImageFolder(shop).locate(str(outside))


def test_a_link_that_leads_out_is_refused(shop: Path, outside: Path) -> None:
    (shop / "link.jpg").symlink_to(outside)
    (shop / "up").symlink_to(shop.parent)
    for reference in ("link.jpg", "up/secret.jpg"):
        with pytest.raises(UnusableValueError, match="folder"):
            ImageFolder(shop).locate(reference)


def test_a_neighbour_whose_name_begins_alike_is_outside(shop: Path) -> None:
    neighbour = shop.parent / "shop-private"
    neighbour.mkdir()
    (neighbour / "a.jpg").write_bytes(b"x")
    with pytest.raises(UnusableValueError, match="folder"):
        ImageFolder(shop).locate("../shop-private/a.jpg")


def test_nothing_tells_whether_a_file_outside_exists(shop: Path, outside: Path) -> None:
    reasons = []
    for name in ("../secret.jpg", "../absent.jpg"):
        with pytest.raises(UnusableValueError) as caught:
            ImageFolder(shop).locate(name)
        reasons.append(caught.value.reason.replace("secret", "absent"))
    assert reasons[0] == reasons[1]


@pytest.mark.parametrize(
    "form", ["b/l/a.jpg", "/b/l/a.jpg", "b\\l\\a.jpg", "\\b\\l\\a.jpg", "b/l\\a.jpg"]
)
def test_a_shop_systems_slash_and_those_of_windows_lead_below_the_folder(
    shop: Path, form: str
) -> None:
    (shop / "b" / "l").mkdir(parents=True)
    path = (shop / "b" / "l" / "a.jpg").resolve()
    path.write_bytes(b"x")
    folder = ImageFolder(shop)
    assert folder.locate(form) == path
    # Only what is spelt as the path is known again without being looked for.
    assert folder.is_named_by(path, form) is ("\\" not in form)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("/../secret.jpg", "outside"),
        ("..\\secret.jpg", "outside"),
        ("\\..\\secret.jpg", "outside"),
        ("/secret.jpg", "outside"),
        ("\\secret.jpg", "Put the file there"),
        ("C:\\photos\\a.jpg", "Write the path with forward slashes"),
        ("photos\\a.jpg", "Put the file there"),
    ],
)
def test_no_slash_leads_out(shop: Path, outside: Path, form: str, told: str) -> None:
    with pytest.raises(UnusableValueError) as caught:
        ImageFolder(shop).locate(form)
    assert told in f"{caught.value.reason} {caught.value.cure}"


def test_a_file_whose_name_has_a_backslash_is_found_by_it(shop: Path) -> None:
    (shop / "x\\a.jpg").write_bytes(b"x")
    assert ImageFolder(shop).locate("x\\a.jpg").name == "x\\a.jpg"


def test_a_link_inside_is_followed(shop: Path) -> None:
    (shop / "link.jpg").symlink_to(shop / "a.jpg")
    assert ImageFolder(shop).locate("link.jpg") == (shop / "a.jpg").resolve()


def test_dots_that_stay_inside_are_followed(shop: Path) -> None:
    (shop / "sub").mkdir()
    assert ImageFolder(shop).locate("sub/../a.jpg").name == "a.jpg"


def test_a_folder_that_is_itself_a_link_is_no_way_out(shop: Path) -> None:
    (shop.parent / "alias").symlink_to(shop)
    assert ImageFolder(shop.parent / "alias").locate("a.jpg") == (shop / "a.jpg").resolve()


@pytest.mark.parametrize(
    "reference",
    [
        "https://shop.example/a.jpg",
        "HTTP://shop.example/a.jpg",
        "//cdn.example/a.jpg",
        "data:image/png;base64,xx",
        "s3://bucket/a.jpg",
    ],
)
def test_an_address_is_refused_because_nothing_is_downloaded(shop: Path, reference: str) -> None:
    with pytest.raises(UnusableValueError, match="download"):
        ImageFolder(shop).locate(reference)


@pytest.mark.parametrize("reference", ["a\0.jpg", "x" * 300 + ".jpg", "x/" * 5_000, "a.jpg/b.jpg"])
def test_a_path_that_no_system_takes_is_refused(shop: Path, reference: str) -> None:
    with pytest.raises(UnusableValueError) as caught:
        ImageFolder(shop).locate(reference)
    assert len(caught.value.reason) < 400


def test_links_in_a_circle_are_refused(shop: Path) -> None:
    (shop / "one.jpg").symlink_to(shop / "two.jpg")
    (shop / "two.jpg").symlink_to(shop / "one.jpg")
    with pytest.raises(UnusableValueError):
        ImageFolder(shop).locate("one.jpg")


def test_a_folder_is_no_image(shop: Path) -> None:
    (shop / "sub").mkdir()
    with pytest.raises(UnusableValueError, match="folder"):
        ImageFolder(shop).locate("sub")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_no_image(shop: Path) -> None:
    os.mkfifo(shop / "pipe.jpg")
    with pytest.raises(UnusableValueError):
        ImageFolder(shop).locate("pipe.jpg")


@pytest.mark.parametrize(("on_disk", "in_feed"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_is_found_in_either_of_unicodes_forms(
    shop: Path, on_disk: Literal["NFC", "NFD"], in_feed: Literal["NFC", "NFD"]
) -> None:
    name = "şezlong.jpg"
    (shop / unicodedata.normalize(on_disk, name)).write_bytes(b"x")
    found = ImageFolder(shop).locate(unicodedata.normalize(in_feed, name))
    assert unicodedata.normalize("NFC", found.name) == name
