"""A connection that is kept up: when it ends, the next one begins after a pause, and the log says so once."""

import logging
import secrets
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 15.0


def serve_again_and_again(
    serve: Callable[[], None], *, was_good: Callable[[], bool], where: str, stopping: threading.Event
) -> None:
    """Call `serve` until `stopping` is set; whatever ends it, it is called again.

    Pauses grow while connections come to nothing (`was_good`), and are uneven, so that not all clients come back at
    once.
    """
    pause_s = SHORTEST_PAUSE_S
    is_away = False
    while not stopping.is_set():
        reason = "the connection ended"
        try:
            serve()
        except OSError as error:
            reason = str(error)
        except Exception:  # whatever it is, the next connection begins afresh
            logger.exception("the connection to the broker broke")
        if stopping.is_set():
            return
        if was_good() or not is_away:
            logger.warning("the broker is away", extra={"broker": where, "reason": reason})
        pause_s = SHORTEST_PAUSE_S if was_good() else min(pause_s * 2, LONGEST_PAUSE_S)
        is_away = True
        stopping.wait(pause_s * secrets.SystemRandom().uniform(0.5, 1.5))
