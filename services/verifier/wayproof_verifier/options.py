"""What a reader may ask of a verification."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What the reader insists on: evidence as of this block or later, and a closed shipment.

    `at_ms` (since 1970) is the reader's present: certificates that have expired by then are among the findings. None
    leaves them out, so that the report is a function of the file alone.
    """

    min_height: int | None = None
    require_closed: bool = False
    at_ms: int | None = None
