"""API keys: made once, kept as hashes, checked in constant time."""

import hashlib
import hmac
import json
import logging
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from furniture_prompter.catalog.manifest import replace_file
from furniture_prompter.errors import ServeError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web import access as keys_module
from furniture_prompter.web.access import (
    Key,
    Keys,
    add_key,
    presented_key,
    refuse_public_without_keys,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "keys.json"


def test_a_key_opens_what_it_was_made_for(path: Path) -> None:
    reader = add_key(path, "shop-front", ["read"])
    writer = add_key(path, "importer", ["write", "read"])
    keys = Keys.load(path)
    assert keys.check(reader) == Key("shop-front", frozenset({"read"}))
    assert keys.check(writer) == Key("importer", frozenset({"read", "write"}))


def test_the_file_holds_a_hash_and_no_key_and_only_its_owner_reads_it(path: Path) -> None:
    key = add_key(path, "shop", ["read"])
    text = path.read_text("utf-8")
    assert key not in text
    assert hashlib.sha256(key.encode()).hexdigest() in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_are_long_random_and_never_alike(path: Path) -> None:
    made = {add_key(path, f"k{number}", ["read"]) for number in range(20)}
    assert len(made) == 20
    assert all(key.startswith("fp_") and len(key) == 46 for key in made)


def test_ten_keys_made_at_once_are_ten_keys_in_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = replace_file

    def slow(path: Path, content: bytes) -> None:
        time.sleep(0.02)  # by now, without a lock, every other has read the file as it was
        write(path, content)

    monkeypatch.setattr(keys_module, "replace_file", slow)
    names = [f"k{number}" for number in range(10)]
    with ThreadPoolExecutor(len(names)) as threads:
        made = dict(
            zip(names, threads.map(lambda name: add_key(path, name, ["read"]), names), strict=True)
        )
    keys = Keys.load(path)
    for name, key in made.items():
        assert keys.check(key) == Key(name, frozenset({"read"}))


def test_a_key_file_that_another_process_holds_is_told_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(path, "shop", ["read"])
    monkeypatch.setattr(keys_module, "_LOCK_TIMEOUT_S", 0.05)
    with (
        FileLock(path.with_name(f".{path.name}.lock")),
        pytest.raises(ServeError, match="Another process is writing the API keys"),
    ):
        add_key(path, "importer", ["read"])


@pytest.mark.parametrize(
    "wrong", ["", "fp_", "x" * 46, "fp_" + "A" * 43, "ключ", "a" * 100_000, "fp_\x00", " "]
)
def test_anything_else_is_nobody(path: Path, wrong: str) -> None:
    key = add_key(path, "shop", ["read"])
    keys = Keys.load(path)
    for presented in (wrong, key + wrong[:1] + "x", key[:-1], key.upper()):
        assert keys.check(presented) is None


def test_every_hash_is_compared_whichever_fits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [add_key(path, f"k{number}", ["read"]) for number in range(5)]
    keys = Keys.load(path)
    compared = 0

    def counting(left: bytes, right: bytes) -> bool:
        nonlocal compared
        compared += 1
        return left == right

    monkeypatch.setattr(hmac, "compare_digest", counting)
    for key in (*made, "fp_wrong"):
        compared = 0
        keys.check(key)
        assert compared == 5


def test_a_key_that_is_taken_out_of_the_file_stops_working(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = add_key(path, "a", ["read"]), add_key(path, "b", ["read"])
    keys = Keys.load(path)
    monkeypatch.setattr(keys_module, "_LOOK_AGAIN_S", 0.0)
    raw = json.loads(path.read_text("utf-8"))
    raw["keys"] = raw["keys"][1:]
    path.write_text(json.dumps(raw), "utf-8")
    os.utime(path, ns=(1, 1))
    assert keys.check(first) is None
    assert keys.check(second) is not None
    path.write_text("{", "utf-8")
    os.utime(path, ns=(2, 2))
    with caplog.at_level(logging.ERROR):
        assert keys.check(second) is not None
    assert "stay as they were" in caplog.text
    path.unlink()
    assert keys.check(second) is not None


def test_a_name_is_given_once_and_is_a_name(path: Path) -> None:
    add_key(path, "shop", ["read"])
    for name in ("shop", "", "a b", "../x", "x" * 65, "ş"):
        with pytest.raises(ServeError):
            add_key(path, name, ["read"])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"format_version": 2, "keys": []}',
        '{"format_version": 1, "keys": []}',
        '{"keys": [{"name": "a", "scopes": ["root"], "sha256": "00", "created": ""}]}',
        '{"keys": [{"name": "a", "scopes": [], "sha256": "' + "0" * 64 + '", "created": ""}]}',
    ],
)
def test_a_damaged_or_empty_file_is_refused_with_its_cure(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content, "utf-8")
    with pytest.raises(ServeError, match="--new-key"):
        Keys.load(path)


def test_a_missing_file_is_refused_with_its_cure(path: Path) -> None:
    with pytest.raises(ServeError, match="--new-key"):
        Keys.load(path)


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"authorization": "Bearer k"}, "k"),
        ({"authorization": "bearer  k "}, "k"),
        ({"x-api-key": "k"}, "k"),
        ({"authorization": "Basic eDp5", "x-api-key": "k"}, "k"),
        ({"authorization": "Bearer"}, None),
        ({"authorization": "Basic eDp5"}, None),
        ({"cookie": "key=k"}, None),
        ({}, None),
    ],
)
def test_a_key_comes_in_one_of_two_headers(headers: dict[str, str], key: str | None) -> None:
    assert presented_key(headers) == key


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "::1", "[::1]"])
def test_on_loopback_nobody_needs_a_key(host: str) -> None:
    refuse_public_without_keys(ServeSettings(host=host))


PUBLIC_HOSTS = ["0.0.0.0", "::", "", "192.168.1.5", "shop.example", "localhost.example"]  # noqa: S104  (hosts that are refused)


@pytest.mark.parametrize("host", PUBLIC_HOSTS)
def test_a_public_address_without_keys_is_refused_unless_open_access_is_allowed(
    host: str, tmp_path: Path
) -> None:
    with pytest.raises(ServeError, match="--open-access"):
        refuse_public_without_keys(ServeSettings(host=host))
    refuse_public_without_keys(ServeSettings(host=host, open_access=True))
    refuse_public_without_keys(ServeSettings(host=host, api_keys=tmp_path / "keys.json"))
