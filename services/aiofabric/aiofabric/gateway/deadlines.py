"""How long each step may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that the client waits for each step; the defaults are the official clients' usual ones.

    A server has its own limits for endorsing and ordering (30 s each by default), so longer values gain little.
    """

    evaluate_s: float = 5.0
    endorse_s: float = 15.0
    submit_s: float = 5.0
    commit_status_s: float = 60.0
