"""``serve``: the HTTP API with its page, and its API keys."""

import difflib
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from furniture_prompter.cli.options import misfits
from furniture_prompter.cli.terminal import say
from furniture_prompter.errors import ServeError, install_line
from furniture_prompter.web.memory import hold_little

if TYPE_CHECKING:
    from pydantic import ValidationError

    from furniture_prompter.settings import ServeSettings

EXAMPLES = """\b
Examples:
  furniture-prompter serve --catalog shop --open
  furniture-prompter serve --new-key website --api-keys keys.json
  furniture-prompter serve --catalog shop --host 0.0.0.0 --port 8000 \\
    --workers 2 --api-keys keys.json
  furniture-prompter serve --catalog s3://bucket/shop
  furniture-prompter serve --config serve.env
"""


class KeyScope(StrEnum):
    """What a new key may do."""

    READ = "read"
    WRITE = "write"


def serve_command(
    catalog: Annotated[
        Path | None,
        typer.Option(
            "--catalog",
            metavar="DIR|ADDRESS",
            help="Folder of the catalog, or its address in object storage: s3://BUCKET/PREFIX.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="Address to listen on; 127.0.0.1 unless set. 0.0.0.0 is all of this machine's.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="N",
            help="Port; 8000 unless set. 0 takes a free one.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            help="Processes that answer; 1 unless set. They share the processors.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            metavar="N",
            help="Threads for encoding in each process; its share of the processors unless set.",
            show_default=False,
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder",
            metavar="NAME|FOLDER",
            help="Photo encoder for queries, such as a student; the catalog's own unless set.",
            show_default=False,
        ),
    ] = None,
    api_keys: Annotated[
        Path | None,
        typer.Option(
            "--api-keys", metavar="FILE", help="File of hashed API keys.", show_default=False
        ),
    ] = None,
    open_access: Annotated[
        bool | None,
        typer.Option(
            "--open-access",
            help="Serve a public address without API keys.",
            show_default=False,
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--cors-origin",
            metavar="ORIGIN",
            help="Web origin whose pages may call the API; may be given several times.",
            show_default=False,
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allowed-host",
            metavar="NAME",
            help="Name by which the server is called, such as shop.example; loopback names always "
            "count. May be given several times.",
            show_default=False,
        ),
    ] = None,
    rate_limit: Annotated[
        int | None,
        typer.Option(
            "--rate-limit",
            metavar="N",
            help="Requests a minute of one key, or address; 0, no limit, unless set.",
            show_default=False,
        ),
    ] = None,
    fetch_photos: Annotated[
        bool | None,
        typer.Option(
            "--fetch-photos",
            help="Take photos by public web address too.",
            show_default=False,
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            metavar="FOLDER",
            help="Write down there what people ask and click on the page, for `demand`.",
            show_default=False,
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help="debug, info, warning or error; info unless set.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="File of FURNITURE_PROMPTER_NAME=value lines, for these and all other settings "
            "(docs/settings.md). Flags come before the environment, the environment before it.",
            show_default=False,
        ),
    ] = None,
    open_page: Annotated[
        bool,
        typer.Option(
            "--open", help="Show the page in this machine's browser, where there is a screen."
        ),
    ] = False,
    new_key: Annotated[
        str | None,
        typer.Option(
            "--new-key",
            metavar="NAME",
            help="Make a key of this name, print it once, add its hash to --api-keys, and end.",
            show_default=False,
        ),
    ] = None,
    scope: Annotated[
        KeyScope, typer.Option("--scope", help="What the new key may do; write includes read.")
    ] = KeyScope.READ,
) -> None:
    """Answer searches and everything else over HTTP, with a page to search with."""
    flags = {
        "catalog": catalog,
        "host": host,
        "port": port,
        "workers": workers,
        "threads": threads,
        "query_encoder": encoder,
        "api_keys": api_keys,
        # A flag that was not given must not undo what the environment says.
        "open_access": open_access or None,
        "cors_origins": tuple(cors_origin) if cors_origin else None,
        "allowed_hosts": tuple(allowed_host) if allowed_host else None,
        "rate_limit_per_minute": rate_limit,
        "fetch_photos": fetch_photos or None,
        "events": events,
        "log_level": log_level,
    }
    settings = read_serve_settings(flags, config)
    if new_key is not None:
        _make_key(settings, new_key, scope)
        return
    _pin_products_of_matrices()
    hold_little()
    with _collector_paused():
        try:
            from furniture_prompter.web.server import serve
        except ModuleNotFoundError as error:
            raise ServeError(f"Serving needs {error.name}. {install_line('serve')}") from error
    serve(settings, on_bound=_announce_and_open if open_page else _announce)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Import without the cyclic garbage collector, then tell it to leave what was loaded alone.

    What is loaded lives to the end; a server would walk it over and over.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def read_serve_settings(flags: dict[str, Any], config: Path | None) -> "ServeSettings":
    """Settings from flags, environment and file, in that order; None is a flag not given."""
    from pydantic import ValidationError

    from furniture_prompter.settings import ServeSettings

    if config is not None and not config.is_file():
        raise typer.BadParameter(f"--config: there is no file {config}.")
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return ServeSettings(_env_file=config, **given)  # type: ignore[call-arg]  # of BaseSettings
    except ValidationError as error:
        if config is not None and (unknown := _unknown_names(error, config)):
            raise typer.BadParameter(" ".join(unknown)) from error
        raise typer.BadParameter(
            f"Flags, environment or --config set what does not fit. {misfits(error)}."
        ) from error


def _unknown_names(error: "ValidationError", config: Path) -> list[str]:
    """A sentence for each name in the file that is no setting, with its line and the nearest."""
    from furniture_prompter.settings import ServeSettings

    prefix = ServeSettings.model_config["env_prefix"]
    settings = [f"{prefix}{name}".upper() for name in ServeSettings.model_fields]
    lines = config.read_text("utf-8", "replace").splitlines()
    told = []
    for item in error.errors(include_url=False, include_input=False):
        if item["type"] != "extra_forbidden":
            continue
        name = str(item["loc"][0]).upper()
        at = next(
            (
                f":{number}"
                for number, line in enumerate(lines, start=1)
                if line.partition("=")[0].removeprefix("export ").strip().upper() == name
            ),
            "",
        )
        nearest = difflib.get_close_matches(name, settings, n=1, cutoff=0.8)
        cure = f"Did you mean {nearest[0]}?" if nearest else "docs/settings.md lists them all."
        told.append(f"{config}{at}: {name} is no setting. {cure}")
    return told


def _pin_products_of_matrices() -> None:
    """Let one thread multiply a query with the catalog's vectors, unless the environment says more.

    Threads of BLAS wait awake for each other, beside those that encode and decode: on two cores 32
    connections with photos got half as many answers again without them (docs/experiments.md). The
    variables are read when NumPy is loaded, which is not yet.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _make_key(settings: "ServeSettings", name: str, scope: KeyScope) -> None:
    from furniture_prompter.web.access import add_key

    if settings.api_keys is None:
        raise typer.BadParameter("--new-key needs the file to add to. Name it with --api-keys.")
    key = add_key(settings.api_keys, name, ("read", "write") if scope == "write" else ("read",))
    print(key)
    say(
        f"This key is shown once; {settings.api_keys} holds its hash. Send it as: "
        "Authorization: Bearer KEY"
    )


def _announce(address: str) -> None:
    say(f"furniture-prompter {version('furniture-prompter')} on {address} (Ctrl-C ends it)")
    say(f"API: {address}/v1   documentation: {address}/docs   health: {address}/readyz")


def _announce_and_open(address: str) -> None:
    _announce(address)
    if not _has_screen():
        say("There is no screen here to show the page on: open that address where there is one.")
        return
    import webbrowser

    # All addresses of this machine are none that a browser can ask for.
    shown = address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    # A browser in a terminal ends when its reader does, and the server is not up yet.
    threading.Thread(target=webbrowser.open, args=(shown,), daemon=True).start()


def _has_screen() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
