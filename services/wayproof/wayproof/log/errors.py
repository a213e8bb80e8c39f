"""What the log raises on purpose.

LogError                   a question that this log cannot answer, or rows that contradict each other
├── TileError              a tile is missing or has not the bytes its path promises
└── CheckpointError        a checkpoint, its key or its signature is refused
"""

from wayproof.errors import WayproofError


class LogError(WayproofError):
    """The log was asked for what it does not hold, or was given what contradicts itself."""

    code = "log_invalid"


class TileError(LogError):
    """A tile is not what its path promises: publish it again from the log, or stop trusting its mirror."""

    code = "log_tile_invalid"


class CheckpointError(LogError):
    """A checkpoint, a key or a signature is refused; nothing in the note may be believed."""

    code = "log_checkpoint_invalid"
