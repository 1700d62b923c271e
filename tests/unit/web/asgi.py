"""Driving an ASGI application by hand: message by message, and nothing hidden."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Scope


@dataclass
class Client:
    """One client of one request; sends its chunks, then waits until it hangs up.

    Attributes:
        chunks: Body, piece by piece.
        pause_s: Before each piece.
        sent: What the application sent.
        taken: Pieces that the application took.
    """

    chunks: Iterable[bytes] = (b"",)
    pause_s: float = 0.0
    path: str = "/v1/search"
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    sent: list[Message] = field(default_factory=list)
    taken: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    scope: Scope = field(init=False)

    def __post_init__(self) -> None:
        self._chunks = list(self.chunks)
        self.scope = {
            "type": "http",
            "method": self.method,
            "path": self.path,
            "scheme": "http",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
            "state": {},
        }

    async def receive(self) -> Message:
        if self._chunks:
            await asyncio.sleep(self.pause_s)
            chunk = self._chunks.pop(0)
            self.taken += 1
            return {"type": "http.request", "body": chunk, "more_body": bool(self._chunks)}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def call(self, app: ASGIApp) -> "Client":
        await app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def answer_headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> Any:
        return json.loads(b"".join(message.get("body", b"") for message in self.sent[1:]))
