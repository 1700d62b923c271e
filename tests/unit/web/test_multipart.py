"""Forms that are taken, and the true reason of each that is not."""

import asyncio

import pytest
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.types import Message

from furniture_prompter.web.errors import ApiError
from furniture_prompter.web.search_bodies import read_form
from tests.linear_time import assert_linear

TYPE = "multipart/form-data; boundary=cut"
END = b"--cut--\r\n"


def part(name: str, data: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + data + b"\r\n"


def read(
    body: bytes,
    content_type: str = TYPE,
    *,
    limit_files: int = 1,
    piece_bytes: int = 65_536,
    names: list[str | None] | None = None,
) -> list[tuple[str, str | bytes]]:
    """Names and values; a file's is its bytes. Names of files go into `names`."""
    pieces = [body[start : start + piece_bytes] for start in range(0, len(body), piece_bytes)]

    async def receive() -> Message:
        piece = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def go() -> list[tuple[str, str | bytes]]:
        headers = [(b"content-type", content_type.encode())] if content_type else []
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        form = await read_form(request, limit_files)
        found = [
            (name, await value.read() if isinstance(value, UploadFile) else value)
            for name, value in form.multi_items()
        ]
        if names is not None:
            files = (each for _, each in form.multi_items() if isinstance(each, UploadFile))
            names.extend(file.filename for file in files)
        await form.close()
        return found

    return asyncio.run(go())


PROMPT = part("prompt", b"oak chair")


@pytest.mark.parametrize("piece_bytes", [1, 7, 65_536])
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(PROMPT + END, TYPE, id="plain"),
        pytest.param(PROMPT + b"--cut--", TYPE, id="nothing behind the end"),
        pytest.param(PROMPT + END + b"an epilogue\r\n--cut\r\n", TYPE, id="epilogue"),
        pytest.param(b"a preamble - of --cut\r\n" * 9 + PROMPT + END, TYPE, id="preamble"),
        pytest.param(b"\r\n" + PROMPT + END, TYPE, id="a line break before"),
        pytest.param(
            PROMPT + END, 'Multipart/Form-Data; Boundary="cut"; charset=UTF-8', id="quoted"
        ),
        pytest.param(PROMPT + part("photo", b"", "") + END, TYPE, id="no file chosen"),
    ],
)
def test_a_whole_form_is_read_whatever_stands_around_it(
    body: bytes, content_type: str, piece_bytes: int
) -> None:
    assert read(body, content_type, piece_bytes=piece_bytes) == [("prompt", "oak chair")]


def test_a_file_without_a_name_or_without_bytes_is_a_file() -> None:
    assert read(part("photo", b"abc", "") + END) == [("photo", b"abc")]
    assert read(part("photo", b"", "a.jpg") + END) == [("photo", b"")]
    unchosen = part("photo", b"", "")
    assert read(unchosen * 3 + part("photo", b"abc", "a.jpg") + END) == [("photo", b"abc")]


@pytest.mark.parametrize(
    ("told", "filename"),
    [
        ("filename*=UTF-8''K%C3%BCche.jpg", "Küche.jpg"),
        ("FileName*=iso-8859-1'de'K%FCche.jpg", "Küche.jpg"),
        ("filename*0*=UTF-8''a%22; filename*1=\"b.jpg\"", "a_b.jpg"),
        ("filename*=UTF-8''%F0%9F; filename=\"plain.jpg\"", "plain.jpg"),
        ("filename*=nonsense", "nonsense"),
        ("filename*=undefined'en'a.jpg", ""),
    ],
)
def test_a_part_whose_name_of_a_file_is_told_in_another_way_is_a_file(
    told: str, filename: str
) -> None:
    body = part("photo", b"\xff\xd8abc").replace(b'"photo"', f'"photo"; {told}'.encode()) + END
    names: list[str | None] = []
    assert read(body, names=names) == [("photo", b"\xff\xd8abc")]
    assert names == [filename]
    # What stands in quotes names no file.
    text = part("note", b"abc").replace(b'"note"', b'"note; filename*=x"') + END
    assert read(text) == [("note; filename*=x", "abc")]


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        pytest.param(
            part("photo", b"a", "a") * 2 + END, TYPE, "has 2 files. Send at most 1", id="two"
        ),
        pytest.param(PROMPT * 10_000 + END, TYPE, "Too many fields", id="fields"),
        pytest.param(part("photo", b"a", "") * 99 + END, TYPE, "Too many files", id="files"),
        pytest.param(part("a", b"a" * 1_100_000) + END, TYPE, "exceeded maximum size", id="long"),
        pytest.param(PROMPT + END, "multipart/form-data", "names no boundary", id="no boundary"),
        pytest.param(
            PROMPT + END, "multipart/form-data; boundary=", "names no boundary", id="blank"
        ),
        pytest.param(PROMPT + END, TYPE + "ting", "no boundary that", id="another boundary"),
        pytest.param(b"", TYPE, "no boundary that", id="nothing"),
        pytest.param(END, TYPE, "has no part", id="the end alone"),
        pytest.param(
            b"-" * 9_000, "multipart/form-data; boundary=--", "has no part", id="dashes alone"
        ),
        pytest.param(b"x" * 500_000, TYPE, "no boundary that", id="no form"),
        pytest.param(PROMPT, TYPE, "before its last boundary", id="no end"),
        pytest.param(PROMPT + part("photo", b"abc", "a")[:-3], TYPE, "last boundary", id="cut off"),
        pytest.param(b"--cut\r\n\r\nabc\r\n" + END, TYPE, '"name" must be', id="no name"),
        pytest.param(b"--cut\r\n" + b"a: b\r\n" * 99 + END, TYPE, "header count", id="headers"),
        pytest.param(b"--cut\r\na: " + b"b" * 9_999 + END, TYPE, "header size", id="header"),
        pytest.param(PROMPT + END, TYPE + "; charset=punycode", "Send it as UTF-8", id="charset"),
        pytest.param(PROMPT + END, TYPE + "x" * 400, "Boundary length", id="long boundary"),
    ],
)
def test_what_is_no_form_has_its_true_reason(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(ApiError, match=reason) as caught:
        read(body, content_type)
    assert (caught.value.status, caught.value.code) == (422, "invalid_request")


@pytest.mark.parametrize(
    "pump",
    [b"\r\n--cu", b"\r\n--cut \t", b"\r", b"-", b"\r\n-", b"a: b\r\n", b"--cut\r\n", b"\r\n"],
)
@pytest.mark.parametrize(
    "head", [b"", part("photo", b"", "a.jpg")[:-2], b"--cut\r\n", PROMPT + END], ids=range(4)
)
def test_reading_takes_time_linear_in_the_form(head: bytes, pump: bytes) -> None:
    def work(body: bytes) -> None:
        try:
            read(body)
        except ApiError:
            return

    # Starting an event loop takes a while, in which a short form makes no difference.
    assert_linear(work, lambda size: head + pump * (size // len(pump)) + END, (65_536, 262_144))
