"""One query a line in, one answer a line out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.cli.batch import LIMIT_LINE_BYTES
from furniture_prompter.domain.query import Crop
from furniture_prompter.errors import CatalogDamagedError, InvalidPhotoError

Run = Callable[..., Any]


@pytest.fixture
def batch(tmp_path: Path, shop: Run) -> Run:
    """Answer these lines; returns the outcome and its lines parsed."""

    def run(*lines: str | bytes, more: tuple[str, ...] = ()) -> tuple[Any, list[dict[str, Any]]]:
        file = tmp_path / "queries.jsonl"
        data = [line.encode() if isinstance(line, str) else line for line in lines]
        file.write_bytes(b"\n".join(data) + b"\n")
        done = shop("search", "--batch", file, "--json", "--catalog", "shop", *more)
        return done, [json.loads(line) for line in done.out.splitlines()]

    return run


def test_every_line_is_answered_in_order_with_its_id_first(catalog: Any, batch: Run) -> None:
    done, answers = batch('{"id": "a", "prompt": "oak"}', "", '{"prompt": "tabure"}')
    assert done.status == 0
    assert [list(item)[:2] for item in answers] == [["id", "query"], ["id", "query"]]
    assert [item["id"] for item in answers] == ["a", 3]
    assert [item["query"]["prompt"] for item in answers] == ["oak", "tabure"]


def test_every_key_reaches_the_catalog_and_the_options_are_defaults(
    catalog: Any, batch: Run, tmp_path: Path
) -> None:
    batch(
        '{"prompt": "a", "photo": "x/a.jpg", "without": "b", "where": "price < 3", '
        '"photo_weight": 1, "limit": 3, "crop": "percent:0,0,50,100"}',
        '{"photo": "/abs/b.jpg", "crop": {"x": 0, "y": 0.5, "width": 1, "height": 0.5}}',
        more=("-k", "50", "--photo-weight", "0.2"),
    )
    first, second = catalog.asked
    assert first == {
        "prompt": "a",
        "photo": tmp_path / "x" / "a.jpg",
        "without": "b",
        "where": "price < 3",
        "photo_weight": 1,
        "limit": 3,
        "crop": Crop(0, 0, 0.5, 1),
    }
    assert second["photo"] == Path("/abs/b.jpg")
    assert second["crop"] == Crop(0, 0.5, 1, 0.5)
    assert second["limit"] == 50
    assert second["photo_weight"] == 0.2


def test_standard_input_takes_photos_from_the_current_folder(
    catalog: Any, shop: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = '{"id": 7, "photo": "a.jpg"}\n'
    done = shop("search", "--batch", "-", "--json", "--catalog", "shop", stdin=line)
    assert json.loads(done.out)["id"] == 7
    assert catalog.asked[0]["photo"] == tmp_path / "a.jpg"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"prompt": "oak"', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        (b'{"prompt": "\xff"}', "is no JSON"),
        ('["oak"]', "is no JSON object"),
        ('{"promt": "oak"}', "promt: extra inputs are not permitted"),
        ('{"prompt": 7}', "prompt: input should be a valid string"),
        ('{"prompt": "a", "limit": "7"}', "limit: input should be a valid integer"),
        ('{"prompt": "a", "limit": true}', "limit: input should be a valid integer"),
        ('{"prompt": "a", "id": 1.5}', "id: input should be"),
        (b'{"prompt": "' + b"a" * LIMIT_LINE_BYTES + b'"}', "bytes. Shorten it."),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_line_that_is_no_query_is_answered_with_its_error_and_the_rest_goes_on(
    catalog: Any, batch: Run, line: str | bytes, told: str
) -> None:
    done, answers = batch('{"prompt": "first"}', line, '{"prompt": "last"}')
    assert done.status == 3
    assert [item["id"] for item in answers] == [1, 2, 3]
    error = answers[1]["error"]
    assert list(answers[1]) == ["id", "error"]
    assert error["code"] == "invalid_query"
    assert error["message"].startswith("Line 2 ")
    assert told in error["message"]
    assert "hits" in answers[2]


def test_a_wrong_line_keeps_the_id_it_gives(catalog: Any, batch: Run) -> None:
    _, answers = batch('{"id": "q9", "colour": "red"}')
    assert answers[0]["id"] == "q9"


def test_a_query_that_is_refused_has_its_own_code(catalog: Any, batch: Run) -> None:
    catalog.error = InvalidPhotoError("There is no photo file at a.jpg. Check the path.")
    done, answers = batch('{"id": "a", "photo": "a.jpg"}')
    assert done.status == 3
    assert answers == [
        {"id": "a", "error": {"code": "invalid_photo", "message": str(catalog.error)}}
    ]


def test_what_no_line_can_help_ends_the_batch(catalog: Any, batch: Run) -> None:
    catalog.error = CatalogDamagedError("A file is gone.")
    done, answers = batch('{"prompt": "a"}', '{"prompt": "b"}')
    assert done.status == 5
    assert answers == []
    assert len(catalog.asked) == 1


def test_a_byte_order_mark_is_no_part_of_the_first_line(catalog: Any, batch: Run) -> None:
    done, _ = batch(b'\xef\xbb\xbf{"prompt": "oak"}')
    assert done.status == 0


def test_a_batch_that_is_not_there_is_refused(catalog: Any, shop: Run, tmp_path: Path) -> None:
    done = shop("search", "--batch", tmp_path / "none", "--json", "--catalog", "shop")
    assert done.status == 4
    assert "cannot be read (No such file or directory)" in done.err
