"""Where a process shows itself over HTTP: `/metrics`, `/health/live`, `/health/ready`. Read-only, without a log-in.

It runs on threads of its own, so that it also answers for a process whose main loop is stuck.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wayproof.observability.exposition import Exposition
from wayproof.observability.health import HEALTH, Health

PATIENCE_S = 5.0
"""How long a request may take to come."""


class Endpoint(ThreadingHTTPServer):
    """The server of one process."""

    daemon_threads = True

    def __init__(self, host: str, port: int, *, health: Health) -> None:
        self.health = health
        self.exposition = Exposition()
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint
    timeout = PATIENCE_S
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "wayproof", ""

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/metrics":
                body, content_type = self.server.exposition.render(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, body, content_type)
            case "/health/live":
                self._say("live", [] if self.server.health.is_live else ["the main loop is stuck"])
            case "/health/ready":
                self._say("ready", self.server.health.missing())
            case _:
                self._say("found", ["here are /metrics, /health/live and /health/ready"], HTTPStatus.NOT_FOUND)

    def _say(self, what: str, missing: Sequence[str], otherwise: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE) -> None:
        said = {"status": f"not_{what}", "missing": list(missing)} if missing else {"status": what}
        self._answer(otherwise if missing else HTTPStatus.OK, json.dumps(said).encode(), "application/json")

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
        """Say nothing: a look every few seconds is no news."""


@contextmanager
def serving(host: str, port: int, *, health: Health = HEALTH) -> Iterator[Endpoint]:
    """Serve until the block ends. Raises OSError if the port cannot be had."""
    endpoint = begin(host, port, health=health)
    try:
        yield endpoint
    finally:
        endpoint.shutdown()
        endpoint.server_close()


def begin(host: str, port: int, *, health: Health = HEALTH) -> Endpoint:
    """Serve until the process ends. Raises OSError if the port cannot be had."""
    endpoint = Endpoint(host, port, health=health)
    threading.Thread(target=endpoint.serve_forever, name="metrics", daemon=True).start()
    return endpoint
