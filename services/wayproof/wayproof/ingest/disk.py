"""Whether the disk under the database has room: below a watermark nothing more is taken on, before writes fail.

What is taken on is acknowledged only once it is committed, so a full disk loses nothing. But a database whose log
cannot grow stops, and then needs somebody; with a watermark there is still room to work with.
"""

import logging
import shutil
import time
from pathlib import Path

from wayproof.observability import metrics
from wayproof.observability.health import HEALTH

logger = logging.getLogger(__name__)

LOOKED_EVERY_S = 1.0
PART = "disk"
CODE = "disk_low"
FREE = metrics.gauge("wayproof_ingest_disk_free_bytes", "Free room under the database, where it is watched.")


class Disk:
    """The file system of a folder, which must keep `min_free_bytes`; without a folder there is always room."""

    def __init__(self, folder: Path | None, *, min_free_bytes: int) -> None:
        self._folder, self._min_free_bytes = folder, min_free_bytes
        self._looked_at_s = float("-inf")
        self._is_low = False

    @property
    def has_room(self) -> bool:
        """Whether more may be taken on; said in the log and to whoever asks for health when it changes."""
        if self._folder is None or time.monotonic() - self._looked_at_s < LOOKED_EVERY_S:
            return not self._is_low
        self._looked_at_s = time.monotonic()
        try:
            free_bytes = shutil.disk_usage(self._folder).free
        except OSError as error:  # what cannot be looked at keeps nobody from working
            logger.warning("ingest.disk cannot be looked at", extra={"folder": str(self._folder), "reason": str(error)})
            self._folder = None
            return True
        FREE.put(free_bytes)
        self._say(is_low=free_bytes < self._min_free_bytes, free_bytes=free_bytes)
        return not self._is_low

    def _say(self, *, is_low: bool, free_bytes: int) -> None:
        if is_low == self._is_low:
            return
        self._is_low = is_low
        facts = {"folder": str(self._folder), "free_bytes": free_bytes, "min_free_bytes": self._min_free_bytes}
        if is_low:
            logger.error("%s: nothing more is taken on until there is room", CODE, extra={"code": CODE, **facts})
            HEALTH.fails(PART, f"{CODE}: {free_bytes} bytes free, fewer than ingest.min_free_bytes; make room")
        else:
            logger.info("the disk has room again", extra=facts)
            HEALTH.works(PART)
