"""Whatever a file holds, a feed yields items that can be stored and printed, or refuses it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from furniture_prompter.domain import FeedRow
from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds.opening import open_feed

PIECES = st.sampled_from(
    [
        b"id", b"title", b"image", b"a.jpg", b",", b";", b"\t", b"|", b'"', b"\n", b"\r", b"\r\n",
        b"{", b"}", b"[", b"]", b":", b'"id": "1"', b'"image": "a.jpg"', b"NaN", b"1e999", b"null",
        b"\xff", b"\xfe", b"\x00", b"\\ud800", b"\xc5\x9f", b"\xef\xbb\xbf", b"../", b"sep=;", b" ",
        b"1,5", b"1.299", b"true", b"999999999999999999999", b"id,image\n1,a.jpg\n",
        b'{"id": "1", "image": "a.jpg"}\n',
    ]
)  # fmt: skip
CONTENTS = st.lists(PIECES | st.binary(max_size=3), max_size=25).map(b"".join)


@pytest.mark.parametrize("extension", ["jsonl", "json", "csv", "tsv"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(content=CONTENTS)
def test_any_file_is_read_or_refused_and_nothing_else(extension: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.jpg").write_bytes(b"pixels")
        path = folder / f"feed.{extension}"
        path.write_bytes(content)
        try:
            items = list(open_feed(path).items())
        except InvalidFeedError as error:
            str(error).encode("utf-8")
            return
        assert items
        for item in items:
            if isinstance(item, FeedRow):
                product = item.product
                texts = [product.id, product.text, *map(str, product.attributes.values())]
                "".join(texts).encode("utf-8")
                assert all(path.is_relative_to(folder.resolve()) for path in item.images)
            else:
                str(item).encode("utf-8")
