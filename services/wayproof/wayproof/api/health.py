"""Health: is the process alive, and can it do its work."""

from typing import Literal

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from aiofabric.errors import FabricError
from wayproof.api.problems import Refusal, refusals
from wayproof.api.resources import Held, Resources
from wayproof.store import schema
from wayproof.store.errors import SchemaError, StoreError
from wayproof.store.ledger_view import checkpoint

router = APIRouter(prefix="/health", tags=["health"])

BEHIND_BLOCKS = 100
"""How far the projection may be behind the ledger before somebody should look."""


class Health(BaseModel):
    """All is well: everything else is a problem."""

    status: Literal["live", "ready"]


@router.get("/live")
async def get_live() -> Health:
    """Tell that the process answers."""
    return Health(status="live")


@router.get("/ready", responses=refusals(503))
async def get_ready(resources: Held) -> Health:
    """Tell whether database, schema, ledger and projection are there; 503 names what is missing."""
    missing, projected = await run_in_threadpool(_store_state, resources)
    try:
        height = (await resources.operator.network.newest_block()).header.number + 1
    except FabricError:
        missing.append("ledger: its gateway does not answer")
    else:
        if projected is not None and height - projected > BEHIND_BLOCKS:
            missing.append(f"projection: {height - projected} blocks behind; see that `wayproof projection` runs")
    if missing:
        raise Refusal("; ".join(missing), code="not_ready", status=503)
    return Health(status="ready")


def _store_state(resources: Resources) -> tuple[list[str], int | None]:
    """Return what is missing, and how many blocks are projected, None where that cannot be asked."""
    try:
        with resources.connection() as connection:
            schema.require_current(connection)
            reached = checkpoint(connection)
    except SchemaError as error:
        return [f"schema: {error}"], None
    except StoreError:
        return ["database: it cannot be reached"], None
    return [], reached.height if reached else 0
