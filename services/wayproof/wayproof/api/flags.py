"""Flags in answers: wherever a reading stands, what the platform thinks of it stands beside it."""

from collections.abc import Sequence

from wayproof.api.models import Flag, Latest
from wayproof.store import flagged
from wayproof.store.connection import Connection
from wayproof.store.flagged import Reason


def flags_of(reasons: Sequence[Reason]) -> list[Flag] | None:
    """Return the flags of one reading, None where there are none: what is absent is left out."""
    return [Flag(code=it.code, rule_version=it.rule_version, detail=it.detail) for it in reasons] or None


def with_flags(connection: Connection, latest: Sequence[Latest]) -> list[Latest]:
    """Return latest measurements, each with its flags, as far as the readings are held here."""
    readings = [(it.device_id, it.name, it.observed_at_ms) for one in latest for it in one.measurements]
    found = iter(flagged.at(connection, readings) if readings else ())
    return [
        one.model_copy(
            update={"measurements": [it.model_copy(update={"flags": flags_of(next(found))}) for it in one.measurements]}
        )
        for one in latest
    ]
