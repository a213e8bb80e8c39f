"""Touching evidence: the report of some lines, and lines changed, left out or swapped."""

import base64
import io
from typing import Any

from support.evidence_builder import Journey, Json, finished, text, write
from support.evidence_device import leaf
from wayproof_verifier.options import Options
from wayproof_verifier.report import Report
from wayproof_verifier.verify import verify


def report_of(journey: Journey, lines: list[Json] | bytes, *, receipts: bytes | None = None, **options: Any) -> Report:  # noqa: ANN401
    data = lines if isinstance(lines, bytes) else write(lines)
    promised = None if receipts is None else io.BytesIO(receipts)
    return verify(io.BytesIO(data), trust=journey.trust, options=Options(**options), receipts=promised)


def of(lines: list[Json], kind: str) -> list[Json]:
    return [line for line in lines if line["type"] == kind]


def changed(lines: list[Json], kind: str, place: int = 0, **members: object) -> list[Json]:
    """Return the lines with some members of one of them changed."""
    target = of(lines, kind)[place]
    return [{**line, **members} if line is target else line for line in lines]


def without(lines: list[Json], kind: str, place: int = 0) -> list[Json]:
    target = of(lines, kind)[place]
    return finished([line for line in lines if line is not target])


def swapped(lines: list[Json], kind: str, first: int = 0) -> list[Json]:
    one, two = of(lines, kind)[first : first + 2]
    return [two if line is one else one if line is two else line for line in lines]


def mutated(encoded: str, place: int) -> str:
    data = bytearray(base64.b64decode(encoded))
    data[place] ^= 1
    return text(bytes(data))


def left_out(journey: Journey) -> list[Json]:
    """Hide a message behind its leaf hash and change the count, as somebody would who has the database."""
    lines = journey.lines()
    target = of(lines, "message")[2]
    node = {"type": "node", "level": 0, "hash": leaf(journey.leaves[target["index"]].entry).hex()}
    lines = [node if line is target else line for line in lines]
    return changed(lines, "interval", messages=5)
