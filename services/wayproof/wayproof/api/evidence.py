"""Evidence: a shipment's file, and what the verifier's own code says of it, or of a file from anywhere."""

import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from threading import BoundedSemaphore
from typing import Annotated, Any, BinaryIO, cast

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect

from wayproof.api.models import Answer
from wayproof.api.problems import Refusal, refusals
from wayproof.api.resources import Gsin, Held, Resources
from wayproof.api.shipment import known_shipment
from wayproof.evidence.write import evidence_lines, write_evidence
from wayproof.store.connection import Connection
from wayproof_verifier import TrustRoot, VerificationError, render_json, render_text
from wayproof_verifier.options import Options
from wayproof_verifier.verify import verify

router = APIRouter(prefix="/api/v1", tags=["evidence"])

MEDIA_TYPE = "application/vnd.wayproof.evidence"
IN_MEMORY_BYTES = 8 << 20
AT_ONCE = 2
"""Verifications at a time: each takes a core."""

_FILE: dict[int | str, Any] = {
    200: {"content": {MEDIA_TYPE: {}}, "description": "An evidence file (docs/reference/evidence.md)."}
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_running = BoundedSemaphore(AT_ONCE)

WithBlocks = Annotated[bool, Query(description="Carry every block of the ledger: it tells others' business.")]


class Verification(Answer):
    """The verifier's report, as data and as text, and the trust root that it was judged by."""

    report: dict[str, Any]
    text: str
    trust_root: dict[str, Any]


@router.get("/shipments/{gsin}/evidence", response_class=Response, responses={**_FILE, **refusals(400, 404, 409, 503)})
async def get_evidence(gsin: Gsin, resources: Held, with_blocks: WithBlocks = False) -> Response:  # noqa: FBT002 - a query parameter
    """Return the shipment's evidence, as of now."""
    stack = ExitStack()
    try:
        connection = await run_in_threadpool(stack.enter_context, resources.connection())
        await run_in_threadpool(known_shipment, connection, gsin)
        lines = await evidence_lines(
            resources.settings.ledger,
            network=resources.operator.network,
            ledger=resources.operator.ledger,
            connection=connection,
            gsin=gsin,
            with_blocks=with_blocks,
        )
    except BaseException:
        await run_in_threadpool(stack.close)
        raise
    headers = {"content-disposition": f'attachment; filename="{gsin}.evidence"', "cache-control": "no-store"}
    return StreamingResponse(_lent(lines, stack), media_type=MEDIA_TYPE, headers=headers)


@router.get("/shipments/{gsin}/verification", responses=refusals(400, 404, 409, 503))
async def get_verification(gsin: Gsin, resources: Held) -> Verification:
    """Make the shipment's evidence now and have it checked by the verifier's own code."""
    trust = await run_in_threadpool(_trust_root, resources)
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        evidence = cast("BinaryIO", file)
        async with _lending(resources) as connection:
            await run_in_threadpool(known_shipment, connection, gsin)
            await write_evidence(
                resources.settings.ledger,
                network=resources.operator.network,
                ledger=resources.operator.ledger,
                connection=connection,
                gsin=gsin,
                out=evidence,
            )
        return await run_in_threadpool(_verification, evidence, trust)


@router.post(
    "/verifications",
    response_model=Verification,
    responses=refusals(400, 413, 415, 503),
    openapi_extra=_BODY,
)
async def post_verification(request: Request, resources: Held) -> Verification | Response:
    """Check an evidence file from anywhere against our trust root. Nothing of it is kept."""
    trust = await run_in_threadpool(_trust_root, resources)
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        evidence = cast("BinaryIO", file)
        try:
            async for part in request.stream():
                await run_in_threadpool(evidence.write, part)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        return await run_in_threadpool(_verification, evidence, trust)


def _trust_root(resources: Resources) -> TrustRoot:
    path = resources.settings.ledger.trust_root
    if path is None:
        raise Refusal("name a trust root in the settings (ledger.trust_root)", code="no_trust_root", status=503)
    try:
        return TrustRoot.decode(path.read_bytes())
    except (OSError, VerificationError) as error:
        raise Refusal("the trust root of the settings cannot be read", code="no_trust_root", status=503) from error


def _verification(evidence: BinaryIO, trust: TrustRoot) -> Verification:
    if not _running.acquire(timeout=60):
        raise Refusal("other files are being verified; try again", code="busy", status=503)
    try:
        evidence.seek(0, os.SEEK_SET)
        report = verify(evidence, trust=trust, options=Options(at_ms=time.time_ns() // 1_000_000))
    finally:
        _running.release()
    return Verification(
        report=json.loads(render_json(report)), text=render_text(report), trust_root=json.loads(trust.encode())
    )


@asynccontextmanager
async def _lending(resources: Resources) -> AsyncIterator[Connection]:
    with ExitStack() as stack:
        yield await run_in_threadpool(stack.enter_context, resources.connection())


def _lent(lines: Iterator[bytes], stack: ExitStack) -> Iterator[bytes]:
    """Yield the lines, and give the connection back after the last one, or when nobody listens any more."""
    with stack:
        yield from lines
