"""What Mosquitto is told: its configuration and who may do what, as text. Pure.

Two listeners. At the one for **devices** the name comes from the certificate (`use_identity_as_username`) and is the
client id too, whatever the client says: nobody takes another device's session over. At the one for **our processes**
another authority is trusted, so a device's certificate is none there, and client ids are free.
"""

from collections.abc import Iterable
from dataclasses import dataclass

INGEST, GATE, HEALTH, REPLAY = "service:ingest", "service:gate", "service:health", "service:replay"
"""Common names of our processes; the colon keeps them apart from every device id."""

DROPPED = "$SYS/broker/publish/messages/dropped"
"""Where Mosquitto says, every ten seconds, how many messages it has dropped."""

MOST_PACKET_BYTES = 1_048_576
KEEP_ALIVE_S = 300


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where Mosquitto listens: addresses and ports for devices and for our processes. An empty address is every one."""

    devices_port: int
    services_port: int
    devices_address: str = ""
    services_address: str = ""
    most_devices: int = 10_000


@dataclass(frozen=True, slots=True)
class Places:
    """Folders as Mosquitto sees them: certificates and lists (`broker/` of the authority's folder), and its data.

    With `sqlite_plugin` (a path; Mosquitto 2.1) every change is on disk before it is acknowledged.
    """

    files: str
    data: str
    sqlite_plugin: str | None = None


def configuration(listeners: Listeners, places: Places) -> str:
    """Return `mosquitto.conf`."""
    return f"""\
# Written by wayproof (docs/guides/brokers.md). The broker delivers: it is no place where data is safe.
allow_anonymous false
acl_file {places.files}/acl
pid_file {places.data}/mosquitto.pid

# Ingest refuses payloads over 256 KiB by name and needs to see them; beyond this a connection is closed.
max_packet_size {MOST_PACKET_BYTES}
max_keepalive {KEEP_ALIVE_S}
# Ingest says itself how much it takes ahead (MQTT 5, Receive Maximum): this must not be less, or its groups are small.
max_inflight_messages 20000
# What waits for ingest while it is away. Mosquitto's own limit is 1000 messages, and it drops the rest without a word.
max_queued_messages 1000000
max_queued_bytes 1073741824
persistent_client_expiration 7d
retain_available false

{_persistence(places)}
listener {_at(listeners.devices_port, listeners.devices_address)}
max_connections {listeners.most_devices}
cafile {places.files}/device-ca.pem
crlfile {places.files}/crl.pem
{_tls(places)}use_username_as_clientid true

listener {_at(listeners.services_port, listeners.services_address)}
max_connections 100
cafile {places.files}/service-ca.pem
{_tls(places)}
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false
"""


def access(organisation: str, *, denied: Iterable[str] = ()) -> str:
    """Return the access list: two topics for each device, those of our processes, nothing for what is `denied`."""
    lines = [
        "# Written by wayproof: who may do what. %u is the common name of the certificate.",
        f"pattern write wayproof/v1/{organisation}/%u/messages",
        f"pattern read wayproof/v1/{organisation}/%u/receipts",
        "",
        f"user {INGEST}",
        f"topic read wayproof/v1/{organisation}/+/messages",
        f"topic write wayproof/v1/{organisation}/+/receipts",
        "",
        f"user {GATE}",
        f"topic read {DROPPED}",
        "",
        f"user {REPLAY}",  # an operator who has a refused payload judged again
        f"topic write wayproof/v1/{organisation}/+/messages",
        "",
        f"user {HEALTH}",
        "topic read $SYS/broker/uptime",
    ]
    for device_id in sorted(denied):
        lines += ["", f"user {device_id}", "topic deny #"]
    return "\n".join(lines) + "\n"


def _tls(places: Places) -> str:
    return f"""\
certfile {places.files}/server.pem
keyfile {places.files}/server.key
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
"""


def _persistence(places: Places) -> str:
    if places.sqlite_plugin is not None:
        return f"""\
# Every change on disk before it is acknowledged. A period of 0 is outside what Mosquitto documents.
persistence_location {places.data}/
global_plugin {places.sqlite_plugin}
plugin_opt_flush_period 0
plugin_opt_sync full
"""
    return f"""\
# Queues are written when the broker is stopped in order, and only then: killed, it forgets what it acknowledged.
persistence true
autosave_interval 0
persistence_location {places.data}/
"""


def _at(port: int, address: str) -> str:
    return f"{port} {address}".strip()
