"""What a request must be before anything looks at it: for this host, not too large, and changes as JSON.

A page of another site can make a browser send requests to 127.0.0.1. The `Host` header tells a name that was rebound;
a form cannot send `application/json` without asking first, and nobody here answers such a question.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wayproof.api.problems import Refusal, problem_response

MOST_JSON_BYTES = 1 << 20
MOST_EVIDENCE_BYTES = 256 << 20
EVIDENCE_PATH = "/api/v1/verifications"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
DRAINED_BYTES = 8 << 20
CHANGING = ("POST", "PUT", "PATCH", "DELETE")

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""On every answer."""


class Guard:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self._app = app
        self._hosts = frozenset(f"{host}:{port}" for host in LOOPBACK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            exchange = _Exchange(scope, receive, send)
            await self._app(scope, exchange.receive, exchange.send)
        else:
            await _refuse(refusal, scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        if headers.get("host", "") not in self._hosts:
            names = ", ".join(sorted(self._hosts))
            return Refusal(f"this API answers to {names} only", code="unknown_host", status=421)
        if scope["method"] in CHANGING:
            wanted = "application/octet-stream" if scope["path"] == EVIDENCE_PATH else "application/json"
            if headers.get("content-type", "").partition(";")[0].strip().lower() != wanted:
                return Refusal(f"send the body as {wanted}", code="unsupported_media_type", status=415)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _most_bytes(scope):
            return _too_large(scope)
        return None


class _Exchange:
    """One request that passed: counts its body, and adds headers to its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._left_bytes = _most_bytes(scope)
        self._is_refused = self._has_begun = False

    async def receive(self) -> Message:
        """Pass a part of the body on; one that grows beyond what is allowed is refused, and ends there."""
        message = await self._receive()
        self._left_bytes -= len(message.get("body", b""))
        if self._left_bytes >= 0:
            return message
        if not self._has_begun:
            self._is_refused = True
            await _refuse(_too_large(self._scope), self._scope, self._receive, self._send)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, unless the request is refused already."""
        if self._is_refused:
            return
        self._has_begun = True
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(HEADERS)
        await self._send(message)


def _most_bytes(scope: Scope) -> int:
    return MOST_EVIDENCE_BYTES if scope["path"] == EVIDENCE_PATH else MOST_JSON_BYTES


def _too_large(scope: Scope) -> Refusal:
    return Refusal(f"a body has at most {_most_bytes(scope)} bytes here", code="body_too_large", status=413)


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and end the connection: what is still to come of the body, beyond a little, is not worth reading."""
    left_bytes, is_complete = DRAINED_BYTES, False
    while left_bytes > 0 and not is_complete:  # who is still sending would not see the answer
        message = await receive()
        left_bytes -= len(message.get("body", b""))
        is_complete = not message.get("more_body", False)
    headers = {**HEADERS, "connection": "close"}
    response = problem_response(refusal.status, code=refusal.code, detail=str(refusal), headers=headers)
    await response(scope, receive, send)
