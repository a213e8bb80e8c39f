"""The broker's errors.

WayproofError
└── BrokerError     the broker cannot do its work
    └── ClientRefusedError   a client did what is not allowed: its connection ends, and only its own
"""

from wayproof.errors import WayproofError


class BrokerError(WayproofError):
    """The broker cannot start here, or cannot go on."""

    code = "broker_failed"


class ClientRefusedError(BrokerError):
    """A client broke the protocol or a limit; `code` says which, and the connection is closed."""

    code = "malformed_packet"
