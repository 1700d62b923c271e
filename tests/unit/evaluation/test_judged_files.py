import re
from pathlib import Path

import pytest

from furniture_prompter.errors import BenchmarkError
from furniture_prompter.evaluation.relevance import (
    EvaluationQuery,
    RelevanceJudgment,
    read_queries,
    read_relevance_judgments,
)
from tests.fakes import draw_product


def test_queries_are_read_with_photos_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    draw_product("red", "chair", 0).save(tmp_path / "photos" / "a.png")
    file = tmp_path / "queries.jsonl"
    file.write_text(
        '\ufeff{"id": 1, "prompt": "oak table", "where": "price < 3", "without": "legs"}\n'
        "\n"
        '{"id": "b", "photo": "photos/a.png"}\n',
        "utf-8",
    )
    queries, set_aside = read_queries(file)
    assert set_aside == []
    assert queries == [
        EvaluationQuery(id="1", prompt="oak table", where="price < 3", without="legs", line=1),
        EvaluationQuery(id="b", photo=tmp_path / "photos" / "a.png", line=3),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": "x", "prompt": ', "no query"),
        ("[1]", "no query"),
        ('{"prompt": "no id"}', "id: Field required"),
        ('{"id": " ", "prompt": "blank id"}', "id: .*must not be empty"),
        ('{"id": "x", "prompt": 3}', "prompt: Input should be a valid string"),
        ('{"id": "x", "prompt": "y", "colour": "red"}', "colour: Extra inputs"),
        ('{"id": "x", "prompt": "  "}', "neither a prompt nor a photo"),
        ('{"id": "x", "photo": "none.png"}', "no photo 'none.png'"),
        ('{"id": "x", "photo": "' + "n" * 5_000 + '"}', "no photo"),
        ('{"id": "x", "photo": "a\\u0000b"}', "zero byte"),
        ('{"id": "first", "prompt": "again"}', "stands in line 1 already"),
    ],
)
def test_a_bad_query_is_set_aside_with_its_line_and_the_rest_goes_on(
    line: str, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "queries.jsonl"
    good = '{"id": "first", "prompt": "stool"}', '{"id": "last", "prompt": "bed"}'
    file.write_text("\n".join((good[0], line, good[1])), "utf-8")
    queries, (item,) = read_queries(file)
    assert [query.id for query in queries] == ["first", "last"]
    assert (item.source, item.line) == (file, 2)
    assert re.search(words, item.reason), item.reason
    assert item.cure


def test_both_forms_of_judgements_are_read(tmp_path: Path) -> None:
    file = tmp_path / "qrels.tsv"
    file.write_text("1\t0\toak table\t2\n1 Q0 p2 0\n\n2\tp3\t1\r\n3 p4 1", "utf-8")
    judgements, set_aside = read_relevance_judgments(file)
    assert set_aside == []
    assert judgements == [
        RelevanceJudgment("1", "oak table", 2, 1),
        RelevanceJudgment("1", "p2", 0, 2),
        RelevanceJudgment("2", "p3", 1, 4),
        RelevanceJudgment("3", "p4", 1, 5),
    ]


def test_ids_are_read_as_a_catalog_keeps_them(tmp_path: Path) -> None:
    queries_file, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    queries_file.write_text('{"id": " Bu\u0308ro  1", "prompt": "oak"}\n', "utf-8")
    qrels.write_text(
        "Büro 1\t0\tbu\u0308ro\u00a0 desk\t1\nBu\u0308ro 1\t0\tbüro desk\t1\n", "utf-8"
    )
    assert read_queries(queries_file)[0][0].id == "Büro 1"
    judgements, (again,) = read_relevance_judgments(qrels)
    assert judgements == [RelevanceJudgment("Büro 1", "büro desk", 1, 1)]
    assert "in line 1 already" in again.reason


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"1 0", "2 columns"),
        (b"1 0 p 1 more", "5 columns"),
        (b"1\t0\t\t1", "3 columns"),
        (b"1 0 p good", "'good' is no whole number"),
        (b"1 0 p 0.5", "'0.5' is no whole number"),
        (b"1 0 p -1", "-1 is not between"),
        (b"1 0 p 99999", "99999 is not between"),
        (b"1 0 \xff 1", "not UTF-8 at byte 5"),
        (b"1 0 first 2", "line 1 already"),
        (b"x" * (1 << 21), "more than 1,048,576 bytes"),
    ],
)
def test_a_bad_judgement_is_set_aside_with_its_line_and_reason(
    line: bytes, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "qrels.tsv"
    file.write_bytes(b"1 0 first 1\n" + line + b"\n1 0 last 1\n")
    judgements, (item,) = read_relevance_judgments(file)
    assert [(each.product, each.gain) for each in judgements] == [("first", 1), ("last", 1)]
    assert (item.source, item.line) == (file, 2)
    assert words in item.reason
    assert item.cure


@pytest.mark.parametrize("read", [read_queries, read_relevance_judgments])
def test_a_missing_file_is_refused_by_name(read: object, tmp_path: Path) -> None:
    assert callable(read)
    with pytest.raises(BenchmarkError, match=r"none\.tsv: No such file"):
        read(tmp_path / "none.tsv")
