"""``serve``: what flags, environment and file come to, keys, and what is refused beforehand."""

import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from furniture_prompter.cli import serve_command
from furniture_prompter.cli.options import ExitCode
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.access import Keys

Shop = Callable[..., Any]


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServeSettings]:
    """What the server was asked to serve; it is not started."""
    asked: list[ServeSettings] = []

    def serve(settings: ServeSettings, on_bound: Callable[[str], None]) -> None:
        asked.append(settings)
        on_bound("http://127.0.0.1:8000")

    monkeypatch.setattr("furniture_prompter.web.server.serve", serve)
    return asked


def test_without_flags_the_defaults_serve(shop: Shop, served: list[ServeSettings]) -> None:
    done = shop("serve", "--catalog", "shop")
    assert done.status == 0
    assert served == [ServeSettings(catalog=Path("shop"))]
    assert "http://127.0.0.1:8000/docs" in done.err
    assert done.out == ""


@pytest.mark.parametrize("screen", [True, False])
def test_the_page_is_opened_where_there_is_a_screen(
    shop: Shop, served: list[ServeSettings], monkeypatch: pytest.MonkeyPatch, screen: bool
) -> None:
    opened: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr("webbrowser.open", opened.put)
    monkeypatch.setattr(serve_command, "_has_screen", lambda: screen)
    done = shop("serve", "--catalog", "shop", "--open")
    assert "on http://127.0.0.1:8000 " in done.err
    if screen:
        assert opened.get(timeout=10) == "http://127.0.0.1:8000"
    else:
        assert "There is no screen here" in done.err
        assert opened.empty()


def test_a_flag_comes_before_the_environment_and_that_before_the_file(
    shop: Shop,
    served: list[ServeSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tmp_path / "serve.env"
    config.write_text(
        "FURNITURE_PROMPTER_CATALOG=of-file\nFURNITURE_PROMPTER_PORT=1\n"
        "FURNITURE_PROMPTER_WORKERS=3\nFURNITURE_PROMPTER_FETCH_PHOTOS=true\n",
        "utf-8",
    )
    monkeypatch.setenv("FURNITURE_PROMPTER_PORT", "2")
    monkeypatch.setenv("FURNITURE_PROMPTER_WORKERS", "2")
    shop("serve", "--config", config, "--workers", 1)
    (settings,) = served
    assert settings.catalog == Path("of-file")
    assert (settings.port, settings.workers) == (2, 1)
    assert settings.fetch_photos


def test_a_misspelt_name_in_the_file_is_told_with_its_line_and_the_nearest(
    shop: Shop, served: list[ServeSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A long path would be broken where the terminal's line ends.
    monkeypatch.chdir(tmp_path)
    config = Path("serve.env")
    config.write_text(
        "# ours\nFURNITURE_PROMPTER_CATALOG=shop\nexport FURNITURE_PROMPTER_WORKER=2\nSECRET=x1y2\n"
    )
    done = shop("serve", "--config", config)
    told = " ".join(done.err.replace("│", " ").split())
    assert (done.status, served) == (2, [])
    assert "serve.env:3: FURNITURE_PROMPTER_WORKER is no setting." in told
    assert "Did you mean FURNITURE_PROMPTER_WORKERS?" in told
    assert "serve.env:4: SECRET is no setting. docs/settings.md lists them all." in told
    assert "x1y2" not in done.err


def test_every_flag_is_the_setting_that_it_says(shop: Shop, served: list[ServeSettings]) -> None:
    flags = {
        "--catalog": "c",
        "--host": "127.0.0.2",
        "--port": 81,
        "--workers": 2,
        "--threads": 3,
        "--encoder": "student",
        "--api-keys": "k.json",
        "--allowed-host": "shop.example",
        "--rate-limit": 60,
        "--log-level": "error",
    }
    words = [word for flag in flags.items() for word in flag]
    shop(
        "serve", *words, "--open-access", "--fetch-photos", "--cors-origin", "https://shop.example"
    )
    (settings,) = served
    assert settings == ServeSettings(
        catalog=Path("c"),
        host="127.0.0.2",
        port=81,
        workers=2,
        threads=3,
        query_encoder="student",
        api_keys=Path("k.json"),
        open_access=True,
        cors_origins=("https://shop.example",),
        allowed_hosts=("shop.example",),
        rate_limit_per_minute=60,
        fetch_photos=True,
        log_level="error",
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--port", 70_000), "port"),
        (("--workers", 0), "workers"),
        (("--log-level", "loud"), "log_level"),
        (("--config", "nowhere.env"), "there is no file nowhere.env"),
        (("--new-key", "website"), "Name it with --api-keys"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(
    shop: Shop, served: list[ServeSettings], words: tuple[Any, ...], told: str
) -> None:
    done = shop("serve", "--catalog", "shop", *words)
    assert done.status == ExitCode.USAGE
    assert told in " ".join(done.err.replace("│", "").split())
    assert served == []


@pytest.mark.parametrize(("scope", "allowed"), [("read", {"read"}), ("write", {"read", "write"})])
def test_a_new_key_is_printed_once_and_kept_as_a_hash(
    shop: Shop, tmp_path: Path, scope: str, allowed: set[str]
) -> None:
    keys = tmp_path / "keys.json"
    done = shop("serve", "--new-key", "website", "--scope", scope, "--api-keys", keys)
    assert done.status == 0
    secret = done.out.strip()
    assert secret not in keys.read_text("utf-8")
    found = Keys.load(keys).check(secret)
    assert found is not None
    assert (found.name, set(found.scopes)) == ("website", allowed)


def test_serving_no_catalog_says_how_to_name_one(shop: Shop) -> None:
    done = shop("serve")
    assert done.status == ExitCode.SERVER
    assert "Name its folder with --catalog" in done.err


def test_a_public_address_without_keys_is_refused(shop: Shop, tmp_path: Path) -> None:
    done = shop("serve", "--catalog", tmp_path, "--host", "0.0.0.0")  # noqa: S104  # what is refused
    assert done.status == ExitCode.SERVER
    assert "--open-access" in done.err


def test_a_catalog_that_cannot_be_opened_is_told_before_anything_listens(
    shop: Shop, tmp_path: Path
) -> None:
    done = shop("serve", "--catalog", tmp_path / "nowhere")
    assert done.status == ExitCode.CATALOG
    assert "nowhere" in done.err


def test_without_the_extra_it_says_what_to_install(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "furniture_prompter.web.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = shop("serve", "--catalog", "shop")
    assert "pip install -e '.[serve]'" in done.err
    assert done.status == ExitCode.SERVER


def test_the_document_says_what_the_command_reads(tmp_path: Path) -> None:
    settings = serve_command.read_serve_settings({"port": 5, "catalog": None}, None)
    assert (settings.port, settings.catalog) == (5, None)
    assert json.loads(settings.model_dump_json())["port"] == 5


def test_one_thread_multiplies_unless_the_environment_says_otherwise(
    shop: Shop, served: list[ServeSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    for name in ("MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    shop("serve", "--catalog", "shop")
    assert served
    assert os.environ["OPENBLAS_NUM_THREADS"] == "4"
    assert os.environ["MKL_NUM_THREADS"] == os.environ["OMP_NUM_THREADS"] == "1"


def test_numpy_is_loaded_after_its_threads_are_known() -> None:
    program = (
        "import sys; from furniture_prompter.cli import serve_command; "
        "serve_command.read_serve_settings({}, None); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
