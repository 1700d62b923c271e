"""Connections on which a client neither asks nor listens are closed."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PATIENCE_S: Final = 15.0
"""For the headers of a request, and for the rest of a body that was answered already."""


class PatientProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which itself waits for ever for headers and for unwanted bodies."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Expect a request."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._relax()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Expect the end of the headers."""
        super().on_message_begin()
        self._expect()

    def on_headers_complete(self) -> None:
        """The body's time is the application's affair."""
        self._relax()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Expect the end of a body that nobody reads any more."""
        unread = self.cycle.more_body
        super().on_response_complete()
        if unread and not self.transport.is_closing():
            self._expect()

    def on_message_complete(self) -> None:
        """Nothing is left to wait for."""
        self._relax()
        super().on_message_complete()

    def _expect(self) -> None:
        self._relax()
        self._patience = self.loop.call_later(PATIENCE_S, self._give_up)

    def _relax(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        transport: Any = self.transport
        if not transport.is_closing():
            transport.close()
