"""Uploads that mean harm or come broken, through the whole application."""

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from tests.integration.web.conftest import Api

BOUNDARY = "cut-here"


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and hardly any bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000))
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def zipped() -> bytes:
    """An archive with a photo in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../evil.jpg", jpeg())
    return buffer.getvalue()


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "brown").save(buffer, "JPEG")
    return buffer.getvalue()


def small() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(small(), "too few to show anything", id="one pixel"),
        pytest.param(png_of(12_000, 11_000), "more than 120,000,000", id="too many pixels"),
        pytest.param(png_of(60_000, 60_000), "60000 × 60000 pixels", id="bomb"),
        pytest.param(png_of(2**31 - 1, 2**31 - 1), "pixels", id="as large as a PNG may say"),
        pytest.param(zipped(), "JPEG, PNG", id="an archive"),
        pytest.param(jpeg()[:200], "cut short", id="half a photo"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "JPEG, PNG", id="SVG"),
        pytest.param(b"", "empty", id="nothing"),
    ],
)
def test_a_file_that_is_no_photo_to_search_with_is_refused(
    api: Api, data: bytes, told: str
) -> None:
    files = {"photo": ("a.jpg", data)}
    status, code, message = api.error("POST", "/v1/search", files=files)
    assert (status, code) == (400, "invalid_photo")
    assert told in message


def test_a_photo_with_an_archive_behind_it_is_the_photo(api: Api) -> None:
    plain, polyglot = (
        api("POST", "/v1/search", files={"photo": ("a.jpg", data)}).json()["hits"]
        for data in (jpeg(), jpeg() + zipped())
    )
    assert polyglot == plain


def test_a_form_that_is_cut_off_anywhere_is_refused(api: Api) -> None:
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    ).encode()
    body += jpeg() + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    for length in (0, 1, 10, 60, len(body) // 2, len(body) - len(BOUNDARY) - 8, len(body) - 6):
        status, _, _ = api.error("POST", "/v1/search", content=body[:length], headers=headers)
        assert status in (400, 422), length
    assert api("POST", "/v1/search", content=body, headers=headers).status_code == 200
