"""Who may do what in the database: one role for each process, and what it may do with each table.

This is the one place. `wayproof schema apply` makes the roles and brings the database's grants to what stands here
(`wayproof.store.privileges`); docs/reference/roles.md is this table in words, and a test holds both equal. Only the
erasure may change or remove what is evidence; whoever cuts a retired log back takes indices, never messages.

The roles are groups without a login, the same ones for every deployment of a PostgreSQL server. A login is a member of
one of them and may connect to one database: that keeps deployments apart.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PREFIX = "wayproof_"
OWNER = "owner"
"""Not a role of its own: whoever owns the tables, and runs `wayproof schema apply`. Row policies do not bind it."""

EVIDENCE = ("message", "reading", "log_leaf", "log_tile")
"""Tables that nobody updates or deletes from, except as the roles below say with their reasons."""

LIMITED = ("api", "dashboards", "partner")
"""Roles that serve people: they see the shipments whose parties include their organisation, and no others."""

_SPELLED = re.compile(r"(?P<verb>[A-Z]+)(?:\((?P<columns>[a-z0-9_ ]+)\))?")
_ITEM = re.compile(r"[A-Z]+(?:\([^)]*\))?")

CHANNEL = ("device", "device_key", "device_key_end", "log_record", "anchor")
"""Of the ledger's tables those that every organisation of the channel may read (rule 16 of the contract)."""
SHIPMENTS = ("shipment", "shipment_event", "attachment", "excursion")
PROJECTED = ("ledger_checkpoint", "ledger_config_block", "ledger_transaction", "ledger_record", *SHIPMENTS, *CHANNEL)
LOG = ("log_waiting", "log_epoch", "log_leaf", "log_tile")
MEASURED = ("stream", "quantity", "reading", "reading_hour", "reading_week_dropped")
FLAGS = ("reading_flag", "plausibility_checkpoint", "plausibility_rules", "plausibility_memory", "plausibility_run")
REFUSED = ("rejection", "rejection_cut", "rejection_replay")
ENROLMENT = ("device_claim", "device_certificate")

PLACED = (
    "ingest_id device_id received_at_ms entry message_hash stream_id boot sequence previous after_boot after_sequence"
    " rejection first_observed_at_ms last_observed_at_ms"
)
"""Columns of `message` without what an erasure removes: topic, payload and salt."""


@dataclass(frozen=True, slots=True, order=True)
class Privilege:
    """One right: a verb of SQL on a table, view, sequence or function, for one column of it or (empty) for all."""

    table: str
    verb: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """A role: its short name, whom it is for, and what it may do.

    Attributes:
        grants: for each table (view, sequence, function) verbs of SQL, each with columns in brackets where not all are
            meant: `SELECT UPDATE(size)`.
        temporary: whether it may make temporary tables.
    """

    name: str
    purpose: str
    grants: Mapping[str, str] = field(repr=False)
    temporary: bool = False

    @property
    def group(self) -> str:
        """What the role is called in the database."""
        return PREFIX + self.name

    def privileges(self) -> Iterator[Privilege]:
        """Yield its rights one by one."""
        for table, spelled in self.grants.items():
            for item in _ITEM.findall(spelled):
                found = _SPELLED.fullmatch(item)
                if found is None:
                    raise ValueError(f"{self.name}: {item!r} is no right on {table}")
                for column in (found["columns"] or "").split() or [""]:
                    yield Privilege(table, found["verb"], column)


def _read(*tables: str) -> dict[str, str]:
    return dict.fromkeys(tables, "SELECT")


VERSION = _read("schema_migration")

ROLES: tuple[Role, ...] = (
    Role(
        "ingest",
        "`wayproof ingest`: takes messages in. It can add, and cannot read a payload back",
        VERSION
        | _read("device", "device_key", "device_key_end", "log_epoch")
        | {
            "message": "INSERT SELECT(ingest_id device_id stream_id boot sequence message_hash)",
            "message_ingest_id_seq": "USAGE",
            "reading": "INSERT",
            "stream": "SELECT INSERT",
            "quantity": "SELECT INSERT",
            "log_waiting": "INSERT",
            "rejection": "SELECT INSERT UPDATE DELETE",  # bounded: what is too much is let go of
            "rejection_cut": "SELECT INSERT UPDATE",
        },
    ),
    Role(
        "anchor",
        "`wayproof anchor`: seals what waits and anchors the head. The last tile of a level grows, so it writes tiles "
        "again; each can be computed from the entries, and the contract checks the root",
        VERSION
        | _read("anchor")
        | {
            "message": "SELECT(ingest_id received_at_ms entry message_hash)",
            "log_waiting": "SELECT INSERT DELETE",  # INSERT: what a step leaves of a run
            "log_epoch": "SELECT INSERT UPDATE(size)",
            "log_leaf": "SELECT INSERT",
            "log_tile": "SELECT INSERT UPDATE(hashes)",
        },
    ),
    Role(
        "log",
        "`wayproof log register`, `wayproof log retire`: a person opens an epoch, or cuts a closed one back to what is "
        "anchored. The only role that takes an index from a message; the message stays and waits again",
        VERSION
        | _read("anchor")
        | {
            "message": "SELECT(ingest_id received_at_ms entry message_hash)",
            "log_waiting": "SELECT INSERT",
            "log_epoch": "SELECT INSERT UPDATE(size)",
            "log_leaf": "SELECT DELETE",
            "log_tile": "SELECT UPDATE(hashes) DELETE",
        },
    ),
    Role(
        "projection",
        "`wayproof projection`: the ledger's tables, which nobody else writes",
        VERSION
        | dict.fromkeys(PROJECTED, "SELECT INSERT UPDATE")
        | {"log_epoch": "SELECT", "log_leaf": "SELECT", "message": "SELECT(ingest_id message_hash)"},
    ),
    Role(
        "monitor",
        "`wayproof monitor`: judges open shipments",
        VERSION
        | _read(*SHIPMENTS, *MEASURED, "device", "ledger_record", "ledger_checkpoint")
        | {"message": f"SELECT({PLACED})", "watch": "SELECT INSERT UPDATE DELETE"},
    ),
    Role(
        "plausibility",
        "`wayproof plausibility`: flags readings. All that it writes is opinion and comes again",
        VERSION
        | _read(*MEASURED, "log_epoch", "log_leaf", "log_waiting", "device")
        | {
            "message": f"SELECT({PLACED} topic)",
            "reading_flag": "SELECT INSERT DELETE",
            "plausibility_checkpoint": "SELECT INSERT UPDATE DELETE",
            "plausibility_rules": "SELECT INSERT UPDATE DELETE",
            "plausibility_memory": "SELECT INSERT UPDATE DELETE",
            "plausibility_run": "SELECT INSERT UPDATE DELETE",
        },
    ),
    Role(
        "maintain",
        "`wayproof store maintain`: looks after weeks of readings by calling functions of the owner, which hold to the "
        "rules of what may be dropped; it can change no table but the hours",
        VERSION
        | _read("reading", "reading_storage", "reading_week_dropped", "log_epoch", "log_leaf", "log_waiting")
        | {
            "message": "SELECT(ingest_id received_at_ms stream_id first_observed_at_ms last_observed_at_ms)",
            "reading_hour": "SELECT INSERT UPDATE DELETE",
            "reading_hour_checkpoint": "SELECT INSERT UPDATE",
            "reading_hour_again": "SELECT DELETE",
            "make_weeks": "EXECUTE",
            "week_needed_by": "EXECUTE",
            "drop_week": "EXECUTE",
            "drop_late_readings": "EXECUTE",
            "compress_week": "EXECUTE",
            "reading_sizes": "EXECUTE",
        },
    ),
    Role(
        "api",
        "`wayproof api`: pages and evidence for the organisation's people; claims and certificates of devices",
        VERSION
        | _read("message", *MEASURED, *LOG, *PROJECTED, *FLAGS, *REFUSED, "watch")
        | {
            "reading_sizes": "EXECUTE",
            "location": "SELECT INSERT UPDATE",
            "device_claim": "SELECT INSERT UPDATE",
            "device_certificate": "SELECT INSERT",
        },
    ),
    Role(
        "gate",
        "`wayproof device gate`: which certificates belong to revoked devices",
        VERSION | _read("device", "device_certificate"),
    ),
    Role(
        "devices",
        "`wayproof device claim|list|revoke`: a person at the register of devices",
        VERSION
        | _read("device", "device_key", "log_record", "stream", "attachment", "device_certificate")
        | {"message": f"SELECT({PLACED})", "device_claim": "SELECT INSERT UPDATE"},
    ),
    Role(
        "rejections",
        "`wayproof rejections`: a person looks at refused payloads and has them judged again",
        VERSION | _read("message", "stream", "rejection", "rejection_cut") | {"rejection_replay": "SELECT INSERT"},
    ),
    Role(
        "audit",
        "`wayproof fsck`, `wayproof evidence`: reads everything, salts too, and changes nothing. Temporary tables are "
        "for projecting the ledger again",
        VERSION
        | _read("message", *MEASURED, *LOG, *PROJECTED, *FLAGS, *REFUSED, *ENROLMENT, "watch", "location")
        | _read("reading_hour_checkpoint", "reading_hour_again"),
        temporary=True,
    ),
    Role(
        "dashboards",
        "Grafana and the like, of the deployment's own organisation: no payloads, no salts, no claims",
        VERSION
        | _read(*MEASURED, *LOG, *SHIPMENTS, *CHANNEL, *FLAGS, "ledger_checkpoint", "watch", "location")
        | {
            "message": f"SELECT({PLACED})",
            "rejection": "SELECT(rejection_id topic payload_hash payload_size code detail first_received_at_ms"
            " last_received_at_ms times)",
            "rejection_cut": "SELECT",
            "rejection_replay": "SELECT",
            "device_certificate": "SELECT(serial_number device_id key_id issued_at_ms not_after_ms)",
        },
    ),
    Role(
        "partner",
        "another organisation's people or dashboards, each login bound to its organisation: its shipments, and what "
        "its own devices sent",
        _read(*SHIPMENTS, *CHANNEL, "ledger_checkpoint", "partner_message", "partner_reading", "partner_flag"),
    ),
    Role(
        "erasure",
        "a lawful erasure: takes topic, payload, salt and times from a message, and its readings with their flags. The "
        "only role that changes a message or removes a reading",
        VERSION
        | _read("stream", "device", "ledger_record", "log_epoch", "log_leaf")
        | {
            "message": f"SELECT({PLACED} topic) UPDATE(topic payload salt first_observed_at_ms last_observed_at_ms)",
            "reading": "SELECT DELETE",
            "reading_flag": "SELECT DELETE",
        },
    ),
)
"""All roles."""

WITHOUT_A_COMMAND = ("dashboards", "partner", "erasure")
"""Roles that no command of ours takes: a login is made when somebody needs it."""

TAKEN_BY_COMMANDS = (OWNER, *(role.name for role in ROLES if role.name not in WITHOUT_A_COMMAND))
"""Roles that a deployment's commands take."""
