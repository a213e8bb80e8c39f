"""What a client notes before and after each step, so that whoever comes after a kill knows what was sent and told.

One JSON object a line, appended in one write: ``kill -9`` loses none of them. A request is one change that the client
wants; it may take several transactions, of which one becomes valid.

- ``begun``: the request and its arguments;
- ``sent``: a transaction of it, signed, about to be sent;
- ``told``: what its commit status said (the client's acknowledgement, if the code is 0);
- ``failed``: a transaction that was not endorsed, or refused;
- ``read``: an answer to a query, and between which values it had to be;
- ``unanswered``: a query that failed.
"""

import base64
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VALID = 0

Entry = dict[str, Any]


@dataclass(slots=True)
class Request:
    """A change that a client wants, and how far it is."""

    name: str
    arguments: tuple[str, ...]
    sent: dict[str, bytes] = field(default_factory=dict)  # transaction id: gateway.PreparedTransaction, signed
    told: dict[str, tuple[int, int]] = field(default_factory=dict)  # transaction id: validation code, block

    @property
    def is_done(self) -> bool:
        """Whether the client knows that it became valid."""
        return any(code == VALID for code, _ in self.told.values())

    @property
    def unknown(self) -> dict[str, bytes]:
        """The transactions of which the client does not know what became."""
        return {tx_id: encoded for tx_id, encoded in self.sent.items() if tx_id not in self.told}


class Journal:
    """A client's journal, to be written; made when no other process writes it any more. Read it after that."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def note(self, kind: str, **values: Any) -> None:  # noqa: ANN401 - what a line holds depends on its kind
        """Append a line."""
        line = json.dumps({"kind": kind, "at_s": time.time(), **values}).encode() + b"\n"
        if os.write(self._descriptor, line) != len(line):
            raise OSError("a line of the journal was written in part")

    def begun(self, request: Request) -> None:
        self.note("begun", request=request.name, arguments=request.arguments)

    def sent(self, request: Request, *, tx_id: str, encoded: bytes) -> None:
        request.sent[tx_id] = encoded
        self.note("sent", request=request.name, tx_id=tx_id, transaction=base64.b64encode(encoded).decode())

    def told(self, request: Request, *, tx_id: str, code: int, block: int, was_unknown: bool) -> None:
        request.told[tx_id] = (code, block)
        self.note("told", request=request.name, tx_id=tx_id, code=code, block=block, was_unknown=was_unknown)

    def failed(self, request: Request, *, tx_id: str, error: str) -> None:
        request.sent.pop(tx_id, None)
        self.note("failed", request=request.name, tx_id=tx_id, error=error)


def entries(path: Path) -> Iterator[Entry]:
    """Yield the lines of a journal, oldest first; nothing if there is none."""
    if path.exists():
        for line in path.read_bytes().splitlines():
            yield json.loads(line)


def requests(path: Path) -> dict[str, Request]:
    """Return the requests of a journal by name, as far as they are."""
    found: dict[str, Request] = {}
    for entry in entries(path):
        match entry:
            case {"kind": "begun", "request": name, "arguments": arguments}:
                found[name] = Request(name, tuple(arguments))
            case {"kind": "sent", "request": name, "tx_id": tx_id, "transaction": encoded}:
                found[name].sent[tx_id] = base64.b64decode(encoded)
            case {"kind": "told", "request": name, "tx_id": tx_id, "code": code, "block": block}:
                found[name].told[tx_id] = (code, block)
            case {"kind": "failed", "request": name, "tx_id": tx_id}:
                found[name].sent.pop(tx_id, None)
    return found
