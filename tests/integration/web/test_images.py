"""GET /v1/images/{photo}: resized, kept, and nothing but photos of the catalog."""

import base64
import hashlib
import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from furniture_prompter import index
from tests.fakes import draw_product
from tests.integration.web.conftest import Api, running


def address(api: Api, number: int) -> str:
    digest = hashlib.sha256((api.photos / f"{number}.png").read_bytes()).hexdigest()
    return f"/v1/images/{digest}"


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_photo_comes_as_jpeg_or_where_it_is_taken_as_webp(api: Api) -> None:
    plain = api("GET", address(api, 5), headers={"accept": "image/*"})
    assert plain.headers["content-type"] == "image/jpeg"
    assert picture(plain.content).format == "JPEG"
    modern = api("GET", address(api, 5), headers={"accept": "image/avif,image/webp,*/*"})
    assert modern.headers["content-type"] == "image/webp"
    assert picture(modern.content).format == "WEBP"
    assert modern.headers["vary"] == "Accept"
    assert plain.headers["etag"] != modern.headers["etag"]


def test_the_longer_side_is_what_was_asked_for_and_photos_are_never_enlarged(api: Api) -> None:
    assert picture(api("GET", f"{address(api, 5)}?side_px=40").content).size == (40, 40)
    assert picture(api("GET", f"{address(api, 5)}?side_px=2000").content).size == (96, 96)
    original = Image.open(api.photos / "5.png").convert("RGB").resize((40, 40))
    shown = picture(api("GET", f"{address(api, 5)}?side_px=40").content).convert("RGB")
    centre = original.getpixel((20, 15)), shown.getpixel((20, 15))
    assert centre[0] == pytest.approx(centre[1], abs=40)


def test_an_unchanged_picture_is_not_sent_again(api: Api) -> None:
    first = api("GET", f"{address(api, 6)}?side_px=64")
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = api("GET", f"{address(api, 6)}?side_px=64", headers={"if-none-match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    for given in ('"other"', tag.replace("64", "65"), ""):
        again = api("GET", f"{address(api, 6)}?side_px=64", headers={"if-none-match": given})
        assert again.status_code == 200
    assert "max-age" in first.headers["cache-control"]


@pytest.mark.parametrize(
    "photo", ["nope", "0" * 64, "A" * 64, "%2e%2e%2fmanifest.json", "x'%20OR%20'1'='1", "%00"]
)
def test_only_photos_of_the_catalog_are_served(api: Api, photo: str) -> None:
    assert api.error("GET", f"/v1/images/{photo}")[:2] == (404, "not_found")


@pytest.mark.parametrize("side_px", ["0", "15", "2049", "-1", "x", "1e3"])
def test_a_side_beyond_the_bounds_is_refused(api: Api, side_px: str) -> None:
    found = api.error("GET", f"{address(api, 5)}?side_px={side_px}")
    assert found[:2] == (422, "invalid_request")


def test_a_photo_whose_file_is_gone_or_spoilt_is_not_found_and_its_path_not_told(
    shop: Path, tmp_path: Path
) -> None:
    shutil.copytree(shop / "catalog", tmp_path / "catalog")
    kept = (shop / "photos" / "9.png").read_bytes()
    try:
        with running(tmp_path, cache_images=0) as api:
            path = "/v1/images/" + hashlib.sha256(kept).hexdigest()
            assert api("GET", path).status_code == 200
            (shop / "photos" / "9.png").write_bytes(kept[:100])
            spoilt = api.error("GET", path)
            (shop / "photos" / "9.png").unlink()
            gone = api.error("GET", path)
    finally:
        (shop / "photos" / "9.png").write_bytes(kept)
    for status, code, message in (spoilt, gone):
        assert (status, code) == (404, "not_found")
        assert str(shop) not in message


def test_late_pictures_are_kept_and_no_more_than_the_setting_says(shop: Path) -> None:
    with running(shop, cache_images=2) as api:
        pictures = api.app.state.services.thumbnails
        tags = [api("GET", address(api, number)).headers["etag"] for number in (1, 2, 3)]
        assert pictures.get(tags[0]) is None
        kept = pictures.get(tags[2])
        assert kept is not None
        assert api("GET", address(api, 3)).content == kept.data


def test_metadata_of_a_photo_is_not_passed_on(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x010E] = "the maker's secret"
    draw_product("red", "sofa", 1).save(photos / "a.jpg", exif=exif)
    draw_product("blue", "sofa", 1).save(photos / "b.jpg")
    index(photos, tmp_path / "catalog")
    with running(tmp_path) as api:
        digest = hashlib.sha256((photos / "a.jpg").read_bytes()).hexdigest()
        assert b"secret" in (photos / "a.jpg").read_bytes()
        assert b"secret" not in api("GET", f"/v1/images/{digest}").content


def test_a_photo_that_was_uploaded_is_found_after_the_catalog_moved(
    shop: Path, tmp_path: Path
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    shutil.copytree(shop / "catalog", before / "catalog")
    buffer = io.BytesIO()
    draw_product("black", "lamp", 99).save(buffer, "PNG")
    photo = base64.b64encode(buffer.getvalue()).decode()
    with running(before) as api:
        body = {"title": "Zebrano bench", "photos": [photo]}
        assert api("PUT", "/v1/products/bench-1", json=body).status_code == 201
    before.rename(after)
    with running(after) as api:
        (path,) = api("GET", "/v1/products/bench-1").json()["photos"]
        assert picture(api("GET", path).content).size == (96, 96)
