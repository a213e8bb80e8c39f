"""From a block to rows: what each organisation sees is what the contract lets it read (rule 16).

Shipments are for their parties: a transaction that changes one writes its head, which names them. Devices, logs,
anchors and erasures are for every organisation. Of what is seen, `ledger_record` and `ledger_transaction` keep bytes,
which are evidence; the other tables are derived from the records (`rows`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from aiofabric.blocks import signed_part
from wayproof.projected.blocks import ProjectionError, ReadBlock
from wayproof.projected.rows import ROWS, Context, Moments, Record
from wayproof.store.ledger_view import Moment
from wayproof_contract.canonical import CanonicalError
from wayproof_contract.errors import ContractError
from wayproof_contract.session import decode_record

__all__ = ["KEYS", "Moments", "Write", "fold_block"]

KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ledger_config_block": ("block_number",),
        "ledger_transaction": ("tx_id",),
        "ledger_record": ("key",),
        "shipment": ("gsin",),
        "shipment_event": ("gsin", "version"),
        "attachment": ("gsin", "attached"),
        "excursion": ("gsin", "excursion_id"),
        "device": ("device_id",),
        "device_key": ("device_id", "ordinal"),
        "device_key_end": ("device_id", "version"),
        "log_record": ("log_id",),
        "anchor": ("log_id", "epoch", "counter"),
    }
)
"""The tables that are projected, each with the columns of its primary key."""

SHIPMENT_KINDS = ("shipment", "shipment_event", "party")


@dataclass(frozen=True, slots=True)
class Write:
    """A row, whole, in place of the one with its key. Nothing is ever removed: the contract deletes nothing."""

    table: str
    row: Mapping[str, Any]

    @property
    def key(self) -> tuple[Any, ...]:
        """The row's primary key."""
        return tuple(self.row[name] for name in KEYS[self.table])


def fold_block(block: ReadBlock, *, organisation: str, moments: Moments) -> Iterator[Write]:
    """Yield the rows that a block brings to an organisation (its MSP id), in order: a later one of a key counts.

    `moments` answers for events in earlier blocks. Raises ProjectionError for a record that this version cannot read.
    """
    if block.has_config:
        yield Write("ledger_config_block", {"block_number": block.number, "block": signed_part(block.data)})
    for index, envelope, transaction in block.transactions:
        place = {"block_number": block.number, "tx_index": index}
        records = {key: _decoded(key, value) for key, value in transaction.writes.items()}
        seen = [key for key in records if _sees(key, records, organisation=organisation)]
        if not seen:
            continue
        yield Write("ledger_transaction", {"tx_id": transaction.tx_id, **place, "envelope": envelope})
        context = Context(block.number, index, _with(records, moments, block_number=block.number))
        for key in seen:
            row = {"key": key, **place, "tx_id": transaction.tx_id, "value": transaction.writes[key]}
            yield Write("ledger_record", row)
            for table, derived in _derive(key)(records[key], context):
                yield Write(table, derived)


def _with(records: Mapping[str, Record], moments: Moments, *, block_number: int) -> Moments:
    """Return moments that know the events of this transaction too."""

    def moment(key: str) -> Moment:
        return Moment(block_number, records[key]["tx_timestamp_ms"]) if key in records else moments(key)

    return moment


def _decoded(key: str, value: bytes | None) -> Record:
    if value is None:
        raise _unsupported(key, "it was deleted")
    try:
        return decode_record(value)
    except (CanonicalError, ContractError) as error:
        raise _unsupported(key, str(error)) from error


def _sees(key: str, records: Mapping[str, Record], *, organisation: str) -> bool:
    """Tell whether an organisation may read a record of a transaction."""
    kind, *names = key.split("/")
    if kind not in SHIPMENT_KINDS:
        return True
    gsin = names[1] if kind == "party" else names[0]
    head = records.get(f"shipment/{gsin}")
    if head is None:
        raise _unsupported(key, "a shipment changed without its head")
    return any(party["msp_id"] == organisation for party in head["parties"])


def _derive(key: str) -> Callable[[Record, Context], Iterator[tuple[str, Record]]]:
    kind = key.split("/", maxsplit=1)[0]
    if kind not in ROWS:
        raise _unsupported(key, "no such kind of record is known")
    return ROWS[kind]


def _unsupported(key: str, reason: str) -> ProjectionError:
    return ProjectionError(
        f"record {key}: {reason}; a newer contract is in force, so upgrade this program",
        code="ledger_record_unsupported",
    )
