"""How many requests there were, and how long each took: middleware around the whole application.

A request is counted under its route's pattern, never under the path that was asked for: paths have no end.
"""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wayproof.observability import metrics

REQUESTS = metrics.counter(
    "wayproof_api_requests_total",
    "Requests that were answered, by method, pattern of the route, and status.",
    labels=("method", "route", "status"),
)
SECONDS = metrics.histogram(
    "wayproof_api_request_seconds",
    "From a request to the end of its answer, by pattern of the route.",
    labels=("route",),
)
NOWHERE = "none"
"""The route of a request that no route takes, or that is refused before."""
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Measured:
    """Counts and times what passes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass; one that is broken off before its answer begins has the status 0."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began_s = 0, time.monotonic()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", NOWHERE)
            method = scope["method"] if scope["method"] in METHODS else "other"
            REQUESTS.add(1, method, route, str(status))
            SECONDS.observe(time.monotonic() - began_s, route)
