"""Verdicts onto the ledger, each once: what to send is always compared with the ledger's own record first.

A verdict's identifier follows from what it says (docs/reference/coldchain.md), so one that was sent and is not known to
be committed cannot be recorded twice: the contract refuses its name.
"""

import logging
from collections.abc import Sequence

from wayproof import failpoint
from wayproof.errors import ContractRefusal, LedgerError
from wayproof.ledger import MALFORMED, Ledger
from wayproof.observability import metrics
from wayproof_verifier.coldchain import Excursion, unrecorded

logger = logging.getLogger(__name__)

RECORDED = metrics.counter("wayproof_monitor_excursions_recorded_total", "Verdicts that the ledger took.")
REFUSED = metrics.counter(
    "wayproof_monitor_excursions_refused_total",
    "Verdicts that the contract refused for good, by its code.",
    labels=("code",),
)

ATTEMPTS = 3
"""How often the ledger is asked again when somebody else records at the same time."""


async def record(ledger: Ledger, gsin: str, *, found: Sequence[Excursion]) -> None:
    """Record what the ledger does not say yet of a shipment's excursions, and return when it says it.

    What the contract refuses for good (the shipment is closed, say) is logged and left. Raises LedgerError while the
    ledger is away or an outcome is unknown: call again later.
    """
    for _ in range(ATTEMPTS):
        try:
            await _record(ledger, gsin, found)
        except ContractRefusal as refusal:
            if refusal.code == "already_exists":
                continue
            details = {"gsin": gsin, "code": refusal.code, "reason": refusal.diagnostics()}
            logger.warning("excursion refused", extra=details)
            REFUSED.add(1, refusal.code)
        return
    logger.warning("excursion not recorded", extra={"gsin": gsin, "reason": "others record the same at the same time"})


async def _record(ledger: Ledger, gsin: str, found: Sequence[Excursion]) -> None:
    head = await ledger.query("get_shipment", {"gsin": gsin})
    if "excursions" not in head:
        raise LedgerError(f"the ledger's answer is no shipment: {sorted(head)}", code=MALFORMED)
    for verdict in unrecorded(found, gsin=gsin, recorded=head["excursions"]):
        failpoint.reach("monitor.before_submit")
        await ledger.submit("record_excursion", {"gsin": gsin, **verdict})
        failpoint.reach("monitor.after_submit")
        RECORDED.add()
        logger.info("excursion recorded", extra={"gsin": gsin, "excursion_id": verdict["excursion_id"]})
