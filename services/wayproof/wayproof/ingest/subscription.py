"""The narrow way to the broker: what the worker needs of a client, whichever it is (`ingest.client`)."""

from collections.abc import Sequence
from typing import Protocol

from wayproof.errors import WayproofError
from wayproof.ingest.arrivals import Arrival
from wayproof.settings import SettingsError

SHARED = "$share/"
"""How the filter of a shared subscription begins (MQTT 5 §4.8.2)."""


class SubscriberEnded(WayproofError):  # noqa: N818 - a state, not a fault
    """The thread that talks to the broker has ended: this process must start again."""

    code = "subscriber_ended"


class SharedSubscriptionUnavailable(SettingsError):  # noqa: N818 - what the broker has is no fault
    """`ingest.share` is set, and the broker or the client has no shared subscriptions. Waiting does not help."""

    code = "shared_subscription_unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"ingest.share: {reason}; leave it out and run one ingest process, or use a broker with MQTT 5"
        )


class Subscription(Protocol):
    """A persistent session at the broker, kept up on a thread of its own: what is published goes into the arrivals."""

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker sends us what is published."""

    def start(self) -> None:
        """Begin to connect."""

    def require_alive(self) -> None:
        """Raise SubscriberEnded unless the thread lives, SharedSubscriptionUnavailable if that ended it."""

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Let the broker forget messages, in this order, if they came by the present connection."""

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand a payload (QoS 1) over for sending, now or once connected; False if too many are waiting."""

    def close(self) -> None:
        """Send what is ready, take leave of the broker, end the thread. The session stays."""
