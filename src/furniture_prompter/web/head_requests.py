"""HEAD: what GET would answer, without its body (RFC 9110, 9.3.2)."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What the router notes of its match, and log and metrics ask for.
_NOTED: Final = ("route", "path_params")


class AnswerHead:
    """Lets routes answer HEAD as GET; the framework's take GET alone. Goes innermost."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # Whoever lies outside must go on seeing a HEAD: the server then sends no body.
        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_without_body)
        finally:
            scope.update({name: asked[name] for name in _NOTED if name in asked})
