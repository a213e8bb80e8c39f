"""Serves the built pages and canned answers of the API, so that a browser can be driven without a platform behind it.

Look at them: PYTHONPATH=tests .venv/bin/python -m support.pages_fixture 20080
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from support import pages_records as records
from support import pages_shipment as shipments

STATIC = Path(__file__).parents[2] / "services/wayproof/wayproof/api/static"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
EVIDENCE = b'{"format":"wayproof-evidence","type":"header","v":1}\n'

Answer = tuple[int, Any]


@dataclass(slots=True)
class World:
    """What the server tells now, and what it was sent. `broken` paths answer 503; `empty` leaves nothing in lists.

    `dropped` are spans whose readings were let go of.
    """

    broken: set[str] = field(default_factory=set)
    empty: bool = False
    dropped: list[tuple[int, int]] = field(default_factory=list)
    sent: list[tuple[str, Any]] = field(default_factory=list)
    refuse: Answer | None = None

    def get(self, path: str, query: dict[str, list[str]]) -> Answer:
        """Answer a question below /api/v1."""
        now_ms = time.time_ns() // 1_000_000
        if path in self.broken:
            return problem(503, "store_unavailable", "The database does not answer. Start it: the pages go on then.")
        parts = path.strip("/").split("/")
        if len(parts) > 1:
            return self._shipment(unquote(parts[1]), parts[2] if len(parts) > 2 else "", now_ms)
        if parts == ["organisation"]:
            return 200, records.organisation()
        if self.empty:
            return 200, {"items": []}
        if parts == ["shipments"]:
            return 200, {"items": self._listed(query, now_ms)}
        return 200, records.devices(now_ms) if parts == ["devices"] else records.rejections(now_ms)

    def post(self, path: str, body: bytes, content_type: str) -> Answer:
        """Take a change, or an evidence file."""
        if path == "/verifications":
            return 200, records.verification(verdict="verified" if body == EVIDENCE else "failed")
        if content_type != "application/json":
            return problem(415, "unsupported_media_type", "Send application/json.")
        if self.refuse:
            return self.refuse
        self.sent.append((path, json.loads(body)))
        return 201, {}

    def _shipment(self, gsin: str, part: str, now_ms: int) -> Answer:
        if gsin not in {*records.OPEN_SHIPMENTS, records.CLOSED}:
            return problem(404, "not_found", "No shipment has this GSIN, or this organisation is no party to it.")
        verdict = "failed" if gsin == records.ATTACKED else "verified"
        made: dict[str, Callable[[], Any]] = {
            "": lambda: shipments.shipment(gsin, now_ms),
            "readings": lambda: shipments.single_readings(now_ms),
            "trace": lambda: shipments.trace(gsin, now_ms) | {"dropped": self.dropped},
            "verification": lambda: records.verification(gsin=gsin, verdict=verdict),
        }
        return 200, made[part]()

    def _listed(self, query: dict[str, list[str]], now_ms: int) -> list[Any]:
        status = query.get("status", ["open"])[0]
        names = {"open": records.OPEN_SHIPMENTS, "closed": (records.CLOSED,)}
        return [records.summary(gsin, now_ms) for gsin in names.get(status, (*records.OPEN_SHIPMENTS, records.CLOSED))]


def problem(status: int, code: str, detail: str) -> Answer:
    """Make a problem as RFC 9457 has it."""
    title = HTTPStatus(status).phrase
    return status, {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}


@contextmanager
def serve_pages(*, port: int = 0) -> Iterator[tuple[str, World]]:
    """Serve until left; yield the address and the world behind it."""
    world = World()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path.endswith("/evidence"):
                self._send(200, EVIDENCE, "application/vnd.wayproof.evidence")
            elif parts.path.startswith("/api/v1/"):
                self._answer(world.get(parts.path.removeprefix("/api/v1"), parse_qs(parts.query)))
            else:
                found = STATIC / parts.path.lstrip("/")
                file = found if parts.path.startswith("/assets/") and found.is_file() else STATIC / "index.html"
                self._send(200, file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            path = urlsplit(self.path).path.removeprefix("/api/v1")
            self._answer(world.post(path, body, self.headers.get("content-type", "")))

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, answer: Answer) -> None:
            status, value = answer
            content_type = "application/json" if status < 400 else "application/problem+json"
            self._send(status, json.dumps(_present(value)).encode(), content_type)

        def _send(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.send_header("content-security-policy", CONTENT_SECURITY_POLICY)
            self.send_header("x-content-type-options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", world
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _present(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Leave out what is None, as the API does."""
    if isinstance(value, dict):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return [_present(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    with serve_pages(port=int(sys.argv[1])) as (address, _):
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        threading.Event().wait()
