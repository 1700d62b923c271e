"""Encodings told from bytes, and lines read within bounds, whatever ends them."""

import io
from itertools import islice

import pytest

from furniture_prompter.errors import InvalidFeedError
from furniture_prompter.feeds import text_encoding
from furniture_prompter.feeds.delimited import likeliest_delimiter
from furniture_prompter.feeds.text_encoding import (
    BoundedLines,
    LineTooLongError,
    RereadableLines,
    TextEncoding,
    TooMuchRereadError,
    detect_encoding,
    is_text_files_encoding,
    likeliest_code_page,
    open_text,
)


def detected(data: bytes) -> TextEncoding:
    return detect_encoding(io.BytesIO(data), "p.csv")


def lines_of(text: str) -> BoundedLines:
    return BoundedLines(io.StringIO(text, newline=""))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "utf-8"),
        (b"id\n1\n", "utf-8"),
        (b"\xef\xbb\xbfid\n", "utf-8-sig"),
        ("id\n".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "id\n".encode("utf-16-be"), "utf-16"),
        ("id\n".encode("utf-32"), "utf-32"),
        (b"\x00\x00\xfe\xff" + "id\n".encode("utf-32-be"), "utf-32"),
        # As many lines of UTF-8 as of something else are UTF-8 with damage.
        ("ş\n".encode() + "ş\n".encode("cp1254"), "utf-8"),
        ("ş\n".encode() * 2 + "ş\n".encode("cp1254"), "utf-8"),
        ("ğaç\n".encode() + "ağaç işi\nışık\n".encode("cp1254"), "cp1254"),
        # Zero bytes in half of the lines are damage, in more of them another encoding.
        (b"a\nb\0\n", "utf-8"),
        (b"a\nb\0\nc\nd\0", "utf-8"),
    ],
)
def test_an_encoding_is_told_by_its_mark_or_by_what_fits(data: bytes, name: str) -> None:
    assert detected(data) == TextEncoding(name, guessed=name == "cp1254")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04...", "a workbook or a zip"),
        (b"\xd0\xcf\x11\xe0...", "an old Excel workbook"),
        (b"\x1f\x8b...", "compressed"),
        (b"%PDF-1", "a PDF"),
        (b"a\0\nb\0\nc\n", "zero bytes"),
        (b"a\nb\0\nc\0\n", "zero bytes"),
        (b"\0", "zero bytes"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InvalidFeedError, match=words):
        detected(data)


def test_a_line_of_many_pieces_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_encoding, "LIMIT_LINE_CHARACTERS", 4)
    assert detected(b"aaa\nbbb\n" + b"\0" * 99) == TextEncoding("utf-8")
    with pytest.raises(InvalidFeedError, match="zero bytes"):
        detected(b"\0" * 9 + b"\n\0aaaaaaaa")


def test_the_first_lines_beyond_ascii_are_what_is_guessed_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_encoding, "_LIMIT_SAMPLE_BYTES", 12)
    turkish, russian = "ışıklı ağaç\n".encode("cp1254"), "стул дубовый\n".encode("cp1251")
    assert len(turkish) == 12
    assert detected(turkish + russian * 9).name == "cp1254"
    assert detected(russian + turkish * 9).name == "cp1251"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("cp1254", "İskemle, Iğdır, şık, çağdaş, ÖRTÜ"),
        ("cp1254", "Straße grün Möbel"),
        ("cp1252", "Möbel für ältere Überzüge à la carte"),
        ("cp1252", "créé à l’hôtel, sœur, œuvre"),
        ("cp1252", "cadeira de balanço, mesa de jantar, ação"),
        ("cp1252", "møbel på hjørnet, sæder"),
        ("cp1250", "stůl, židle, skříň, ťažký"),
        ("cp1250", "krzesło dębowe, łóżko, półka"),
        ("cp1250", "szekrény, főző, bútorfűrész"),
        ("cp1250", "masă, scaun de lemn, şifonier, ţesătură"),
        ("cp1251", "Стул, кресло, ЁЛКА"),
        ("cp1253", "ΞΎΛΙΝΟ τραπέζι, καρέκλα"),
        ("cp857", "Çağdaş köşe takımı, İskemle, ğ"),
        ("cp850", "Möbel für Größe, château, niño"),
        ("cp866", "Кресло мягкое, шкаф"),
    ],
)
def test_a_page_is_one_in_whose_letters_words_are_words(page: str, text: str) -> None:
    sample = text.encode(page)
    assert sample.decode(likeliest_code_page(sample)) == text


def test_what_fits_no_words_of_a_language() -> None:
    turkish, german = (text_encoding._misfits(letters) for letters in ("çğıöşü", "äöüß"))
    # The capital of ı and i are both letters where ı is one, and ẞ is the capital of ß.
    assert "İ" in turkish[0]
    assert "İ" not in german[0]
    assert "ẞ" in german[0]
    assert "SS" not in german[0]
    assert (len(turkish), len(german)) == (5, 5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("utf-8", True), ("UTF-8-SIG", True), ("utf-16", True), ("utf-16-le", True)),
        *(("utf-32", True), ("cp1254", True), ("latin5", True), ("gbk", True), ("shift_jis", True)),
        *(("punycode", False), ("unicode_escape", False), ("rot13", False), ("cp037", True)),
        *(("hex", False), ("utf-7", False), ("idna", False), ("klingon", False), ("a\0b", False)),
    ],
)
def test_encodings_of_text_files_are_told_from_other_codecs(name: str, *, expected: bool) -> None:
    assert is_text_files_encoding(name) == expected


def test_each_byte_that_is_no_character_becomes_one() -> None:
    text = open_text(io.BytesIO(b"a\xff\xc5b"), "utf-8").read()
    assert text == "a\udcff\udcc5b"


@pytest.mark.parametrize("block", [1, 2, 3, 7, 1 << 16])
@pytest.mark.parametrize(
    "text",
    ["", "a", "a\n", "a\nb", "a\r\nb\r\n", "a\rb\n", "\n\n", "a\r", "aaaaaaaaa\nb\n", "\r\n\r\n"],
)
def test_lines_are_those_of_the_text_however_it_is_cut(
    text: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_encoding, "_BLOCK_CHARACTERS", block)
    lines = lines_of(text)
    expected = io.StringIO(text, newline="").readlines()
    assert list(lines) == expected
    assert lines.count == len(expected)


@pytest.mark.parametrize("block", [1, 3, 1 << 16])
def test_a_line_beyond_the_limit_is_told_and_passed_over(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_encoding, "_BLOCK_CHARACTERS", block)
    monkeypatch.setattr(text_encoding, "LIMIT_LINE_CHARACTERS", 5)
    lines = lines_of("1234\n12345\n123456789\nx\n12345")
    assert next(lines) == "1234\n"
    for _ in range(2):
        with pytest.raises(LineTooLongError, match="more than 5 characters"):
            next(lines)
    assert (next(lines), next(lines), lines.count) == ("x\n", "12345", 5)
    with pytest.raises(StopIteration):
        next(lines)


@pytest.mark.parametrize(
    ("text", "ahead"),
    [
        ("a\nb\nc", ["a\n", "b\n"]),
        ("ş\nb\n", ["ş\n", "b\n"]),
        ("a\n\0\n", []),
        ('a\n="1"\n', []),
        ('ş\n="1"\n', []),
        ("ş\n\0\n", []),
        ("ş\n\ufeffb\n", []),
        ("a\n\udcffb\n", []),
        ("", []),
        ("a", []),
    ],
)
def test_lines_for_a_glance_have_nothing_odd_in_them(text: str, ahead: list[str]) -> None:
    lines = lines_of(text)
    assert list(lines.plain_ahead()) == ahead
    lines.pass_over(len(ahead[:1]))
    rest = io.StringIO(text, newline="").readlines()[len(ahead[:1]) :]
    assert lines.count == len(ahead[:1])
    assert list(islice(lines, 9)) == rest


def test_blocks_longer_than_a_line_may_be_are_not_for_a_glance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_encoding, "LIMIT_LINE_CHARACTERS", 4)
    assert list(lines_of("a\nb\n").plain_ahead()) == ["a\n", "b\n"]
    assert list(lines_of("a\nb\nc\n").plain_ahead()) == []


def test_lines_since_a_mark_are_read_once_more() -> None:
    lines = RereadableLines(lines_of("1\n2\n3\n4\n"))
    assert next(lines) == "1\n"
    lines.mark()
    assert [next(lines), next(lines)] == ["2\n", "3\n"]
    assert (lines.since_mark, lines.count) == (["2\n", "3\n"], 3)
    lines.reread_after_first()
    assert (lines.since_mark, lines.count, list(lines.plain_ahead())) == ([], 2, [])
    assert [next(lines), next(lines)] == ["3\n", "4\n"]
    assert lines.count == 4
    lines.reread_after_first()
    assert list(lines) == ["4\n"]


def test_lines_that_are_passed_over_are_read() -> None:
    lines = RereadableLines(lines_of("1\n2\n3\n"))
    assert list(lines.plain_ahead()) == ["1\n", "2\n", "3\n"]
    lines.pass_over(2)
    assert (next(lines), lines.count) == ("3\n", 3)


@pytest.mark.parametrize(("anyway", "is_refused"), [(2, False), (1, True)])
def test_reading_again_is_bounded_by_what_was_read(
    anyway: int, *, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_encoding, "_REREAD_SHARE", 1)
    monkeypatch.setattr(text_encoding, "_REREAD_ANYWAY", anyway)
    lines = RereadableLines(lines_of("1\n2\n3\n4\n"))
    # Of 4 lines 3 are read again, then 2 of them: 5, and 1: 6.
    for again in (4, 3):
        assert len(list(islice(lines, again))) == again
        lines.reread_after_first()
    assert len(list(lines)) == 2
    if is_refused:
        with pytest.raises(TooMuchRereadError):
            lines.reread_after_first()
    else:
        lines.reread_after_first()


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [
        *(("a,b;c;d", ";"), ("a,b,c;d", ","), ('"a;b;c",d', ","), ("a\tb,c\td", "\t")),
        *(("a|b|c", "|"), ("a", ","), ('x"a,b"y;z', ";")),
    ],
)
def test_the_delimiter_is_what_the_header_holds_most_of(header: str, delimiter: str) -> None:
    assert likeliest_delimiter(header) == delimiter
