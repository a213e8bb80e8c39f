"""Why the contract says no: one error, a status, and a stable code.

400 the argument is malformed · 403 the caller may not · 404 there is no such record · 409 the state does not allow it.
"""

from types import MappingProxyType

MALFORMED, FORBIDDEN, NOT_FOUND, CONFLICT = 400, 403, 404, 409

STATUS_OF = MappingProxyType(
    {
        "malformed_argument": MALFORMED,
        "unknown_transaction": MALFORMED,
        "invalid_gs1_key": MALFORMED,
        "missing_role": FORBIDDEN,
        "other_organisation": FORBIDDEN,
        "not_a_party": FORBIDDEN,
        "not_custodian": FORBIDDEN,
        "not_addressee": FORBIDDEN,
        "not_found": NOT_FOUND,
        "already_exists": CONFLICT,
        "key_in_use": CONFLICT,
        "device_revoked": CONFLICT,
        "unsigned_device": CONFLICT,
        "log_retired": CONFLICT,
        "wrong_epoch": CONFLICT,
        "wrong_counter": CONFLICT,
        "inconsistent_log": CONFLICT,
        "not_anchored": CONFLICT,
        "wrong_position": CONFLICT,
        "wrong_anchor": CONFLICT,
        "shipment_closed": CONFLICT,
        "shipment_open": CONFLICT,
        "already_attached": CONFLICT,
        "not_attached": CONFLICT,
        "detach_needs_counterparty": CONFLICT,
        "offer_pending": CONFLICT,
        "no_offer": CONFLICT,
        "excursion_resolved": CONFLICT,
        "wrong_event": CONFLICT,
        "unsupported_version": CONFLICT,
    }
)
"""Every code and its status. Codes are stable: programs and people act on them."""


class ContractError(Exception):
    """A transaction or query is refused. `code` is one of `STATUS_OF`; the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The response status that goes with the code."""
        return STATUS_OF[self.code]
