"""The checks before the routes: keys, scopes, rate limits, origins and headers."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.responses import JSONResponse

from furniture_prompter.errors import ServeError
from furniture_prompter.settings import ServeSettings
from furniture_prompter.web.access import Authenticate, Keys, add_key, require
from furniture_prompter.web.errors import add_error_handlers
from furniture_prompter.web.limits import RateLimit
from furniture_prompter.web.origins import SecurityHeaders, cors_middleware


def application() -> FastAPI:
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/read")
    async def read(request: Request, _: Annotated[None, Depends(require("read"))]) -> JSONResponse:
        return JSONResponse({"who": request.scope["state"]["key_name"]})

    @app.put("/write")
    async def write(request: Request, _: Annotated[None, Depends(require("write"))]) -> object:
        return {"bytes": len(await request.body())}

    @app.get("/page")
    async def page() -> HTMLResponse:
        return HTMLResponse("<p>page</p>")

    @app.get("/healthz")
    async def health() -> object:
        return {}

    return app


async def _ask(
    app: object, method: str, path: str, headers: Mapping[str, str], client: str, scheme: str
) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, client=(client, 5))  # type: ignore[arg-type]  # ASGI
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://api") as asking:
        return await asking.request(method, path, headers=dict(headers))


def ask(
    app: object,
    method: str = "GET",
    path: str = "/read",
    headers: Mapping[str, str] | None = None,
    client: str = "203.0.113.5",
    scheme: str = "http",
) -> httpx.Response:
    return asyncio.run(_ask(app, method, path, headers or {}, client, scheme))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_scopes_decide_between_reading_and_writing(key_file: Path) -> None:
    reader = add_key(key_file, "front", ["read"])
    writer = add_key(key_file, "importer", ["write"])
    app = Authenticate(application(), Keys.load(key_file))
    assert ask(app, headers={"X-API-Key": reader}).json() == {"who": "front"}
    assert ask(app, "PUT", "/write", {"Authorization": f"Bearer {writer}"}).status_code == 200
    for method, path, key in (("PUT", "/write", reader), ("GET", "/read", writer)):
        answer = ask(app, method, path, {"X-API-Key": key})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "forbidden"


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-API-Key": "fp_wrong"}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eA=="}],
)
def test_without_a_valid_key_nothing_but_health_is_answered(
    key_file: Path, headers: dict[str, str]
) -> None:
    add_key(key_file, "front", ["read"])
    app = Authenticate(application(), Keys.load(key_file))
    for path in ("/read", "/page", "/nowhere", "/healthz/", "http://localhost//healthz"):
        answer = ask(app, path=path, headers=headers)
        assert answer.status_code == 401, path
        assert answer.json()["error"]["code"] == "unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "fp_wrong" not in answer.text
    assert ask(app, path="/healthz", headers=headers).status_code == 200


def test_the_body_of_a_stranger_is_never_read(key_file: Path) -> None:
    add_key(key_file, "front", ["read"])
    sent = []

    async def exchange() -> None:
        async def receive() -> dict[str, object]:
            raise AssertionError("the body was read")

        async def send(message: object) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "PUT",
            "path": "/write",
            "headers": [],
            "query_string": b"",
        }
        app = Authenticate(application(), Keys.load(key_file))
        await app(scope, receive, send)

    asyncio.run(exchange())
    assert sent[0]["status"] == 401  # type: ignore[index]  # an ASGI message


def test_without_keys_everybody_may_and_without_the_middleware_nobody(key_file: Path) -> None:
    assert ask(Authenticate(application(), None)).json() == {"who": ""}
    assert ask(Authenticate(application(), None), "PUT", "/write").status_code == 200
    assert ask(application()).status_code == 403


def test_the_description_names_both_ways_to_send_a_key() -> None:
    schemes = application().openapi()["components"]["securitySchemes"]
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}


def test_beyond_the_limit_a_client_is_told_when_to_come_back() -> None:
    app = Authenticate(RateLimit(application(), 3), None)
    answers = [ask(app) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in answers[:3]] == [
        "r=2", "r=1", "r=0",
    ]  # fmt: skip
    refused = answers[3]
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit-policy"] == '"requests";q=3;w=60'
    assert ask(app, path="/healthz").status_code == 200
    assert ask(app, client="203.0.113.6").status_code == 200


def test_the_limit_comes_back_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [6_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    app = Authenticate(RateLimit(application(), 2), None)
    assert [ask(app).status_code for _ in range(3)] == [200, 200, 429]
    now[0] += 125
    assert ask(app).status_code == 200


def test_each_key_has_a_limit_of_its_own_wherever_it_comes_from(key_file: Path) -> None:
    first, second = (add_key(key_file, name, ["read"]) for name in ("a", "b"))
    app = Authenticate(RateLimit(application(), 2), Keys.load(key_file))
    addresses = ["203.0.113.1", "203.0.113.2", "203.0.113.3"]
    asked = [ask(app, headers={"X-API-Key": first}, client=each) for each in addresses]
    assert [answer.status_code for answer in asked] == [200, 200, 429]
    assert ask(app, headers={"X-API-Key": second}).status_code == 200


def test_a_customer_with_many_ipv6_addresses_is_one_client() -> None:
    app = Authenticate(RateLimit(application(), 2), None)
    network = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:ffff::3"]
    assert [ask(app, client=each).status_code for each in network] == [200, 200, 429]
    assert ask(app, client="2001:db8:1:3::1").status_code == 200
    both = ["::ffff:203.0.113.9", "203.0.113.9", "203.0.113.9"]
    assert [ask(app, client=each).status_code for each in both] == [200, 200, 429]


def cors_application(*origins: str) -> object:
    middleware = cors_middleware(ServeSettings(cors_origins=origins))
    assert middleware is not None
    return middleware.cls(Authenticate(application(), None), *middleware.args, **middleware.kwargs)


def test_only_listed_origins_may_read_answers() -> None:
    app = cors_application("https://shop.example", "http://localhost:3000")
    listed = ask(app, headers={"Origin": "https://shop.example"})
    assert listed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in listed.headers
    assert "Server-Timing" in listed.headers["access-control-expose-headers"]
    for origin in ("https://evil.example", "https://shop.example.evil.example", "null"):
        assert "access-control-allow-origin" not in ask(app, headers={"Origin": origin}).headers


def test_a_preflight_allows_keys_and_writing_from_listed_origins_alone(key_file: Path) -> None:
    app = cors_application("https://shop.example")
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-api-key,content-type",
    }
    answer = ask(app, "OPTIONS", "/write", asked)
    assert answer.status_code == 200
    assert "PUT" in answer.headers["access-control-allow-methods"]
    refused = ask(app, "OPTIONS", "/write", asked | {"Origin": "https://evil.example"})
    assert refused.status_code == 400


def test_without_origins_there_is_no_cors() -> None:
    assert cors_middleware(ServeSettings()) is None


@pytest.mark.parametrize(
    "origin",
    ["shop.example", "https://shop.example/", "https://Shop.example", "ftp://x", "https://", "*.x"],
)
def test_an_origin_that_no_browser_sends_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ServeError, match=r"https://shop\.example"):
        cors_middleware(ServeSettings(cors_origins=(origin,)))


def test_answers_of_the_api_may_not_run_be_framed_sniffed_or_kept() -> None:
    app = SecurityHeaders(Authenticate(application(), None))
    for path, status in (("/read", 200), ("/nowhere", 404)):
        answer = ask(app, path=path)
        assert answer.status_code == status
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
    assert "max-age=63072000" in ask(app, scheme="https").headers["strict-transport-security"]


def test_pages_may_load_what_is_their_own() -> None:
    answer = ask(SecurityHeaders(Authenticate(application(), None)), path="/page")
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_a_route_may_say_it_itself() -> None:
    app = FastAPI()

    @app.get("/image")
    async def image() -> JSONResponse:
        return JSONResponse({}, headers={"Cache-Control": "public, max-age=60"})

    answer = ask(SecurityHeaders(app), path="/image")
    assert answer.headers.get_list("cache-control") == ["public, max-age=60"]
