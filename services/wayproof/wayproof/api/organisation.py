"""The organisation: who it is, its ledger, its log, how much there is."""

from fastapi import APIRouter
from pydantic import BaseModel

from wayproof.api.problems import refusals
from wayproof.api.resources import Held, Reading
from wayproof.store.ledger_view import checkpoint
from wayproof.store.log import epochs
from wayproof.store.shipments import latest_anchors
from wayproof.store.totals import totals

router = APIRouter(prefix="/api/v1", tags=["organisation"])


class LedgerState(BaseModel):
    """The channel as projected; `stand_in` where one machine holds all its keys."""

    kind: str
    channel: str
    height: int
    stand_in: bool


class LogState(BaseModel):
    """Our log's open epoch."""

    log_id: str
    epoch: int
    size: int
    anchored_size: int
    anchored_at_ms: int | None = None


class Counts(BaseModel):
    """How much there is; many readings are estimated."""

    shipments_open: int
    shipments_closed: int
    messages: int
    readings: int
    rejections: int


class Organisation(BaseModel):
    """Whose pages these are."""

    organisation: str
    name: str
    ledger: LedgerState
    log: LogState | None = None
    counts: Counts


@router.get("/organisation", response_model_exclude_none=True, responses=refusals(503))
def get_organisation(resources: Held, connection: Reading) -> Organisation:
    """Tell who we are, and how far ledger and log are."""
    settings, reached, number = resources.settings, checkpoint(connection), totals(connection)
    opened = epochs(connection)
    log = None
    if opened:
        last = opened[-1]
        anchored = {it.epoch: it for it in latest_anchors(connection, [last.log_id])}.get(last.epoch)
        log = LogState(
            log_id=last.log_id,
            epoch=last.epoch,
            size=last.size,
            anchored_size=anchored.size if anchored else 0,
            anchored_at_ms=anchored.tx_timestamp_ms if anchored else None,
        )
    return Organisation(
        organisation=settings.organisation,
        name=settings.name or settings.organisation,
        ledger=LedgerState(
            kind=settings.ledger.kind,
            channel=settings.ledger.channel,
            height=reached.height if reached else 0,
            stand_in=settings.ledger.kind == "embedded",
        ),
        log=log,
        counts=Counts(
            shipments_open=number.shipments_open,
            shipments_closed=number.shipments_closed,
            messages=number.messages,
            readings=number.readings,
            rejections=number.rejections,
        ),
    )
