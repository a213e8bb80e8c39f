"""From a block to rows: what an organisation sees, and blocks that are none of this ledger."""

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest
from fabric_protos.common import common_pb2

from wayproof.projected import KEYS, ProjectionError, ReadBlock, Write, after, fold_block, read_block
from wayproof.store.ledger_view import Checkpoint, Moment
from wayproof_contract import canonical
from wayproof_verifier.fabric.messages import Response
from wayproof_verifier.fabric.rwset import NamespaceSet
from wayproof_verifier.fabric.transaction import Transaction

OURS, THEIRS = "ShipperMSP", "CarrierMSP"
CONTRACT = "wayproof"


def transaction(writes: Mapping[str, bytes | None]) -> Transaction:
    return Transaction(
        channel_id="wayproof",
        tx_id="ab" * 32,
        timestamp_ns=0,
        creator=b"",
        nonce=b"",
        chaincode=CONTRACT,
        args=(),
        namespaces={CONTRACT: NamespaceSet(writes=writes)},
        response=Response(),
        event=None,
        endorsements=(),
        proposal_hash=b"",
        proposal_hash_here=b"",
        response_payload=b"",
        payload=b"",
        signature=None,
    )


def block(records: Mapping[str, Any], *, number: int = 7) -> ReadBlock:
    writes = {key: None if record is None else canonical.encode({"v": 1, **record}) for key, record in records.items()}
    return ReadBlock(
        number, b"h" * 32, b"p" * 32, has_config=False, transactions=((2, b"envelope", transaction(writes)),), data=b""
    )


def never(key: str) -> Moment:
    raise AssertionError(key)


def fold(records: Mapping[str, Any], *, organisation: str = OURS, moments: Any = never) -> list[Write]:  # noqa: ANN401 - a function
    return list(fold_block(block(records), organisation=organisation, moments=moments))


def shipment(**changed: object) -> dict[str, Any]:
    return {
        "gsin": "1",
        "status": "open",
        "custodian": OURS,
        "due_at_ms": 5,
        "parties": [{"msp_id": OURS}, {"msp_id": "ConsigneeMSP"}],
        "attachments": [],
        "excursions": [],
        **changed,
    }


def event(version: int) -> dict[str, Any]:
    return {
        "gsin": "1",
        "version": version,
        "kind": "shipment_amended",
        "organisation": OURS,
        "tx_id": "ab" * 32,
        "tx_timestamp_ms": 99,
    }


def rows(writes: list[Write], table: str) -> list[Mapping[str, Any]]:
    return [write.row for write in writes if write.table == table]


def test_a_party_sees_the_shipment_with_the_moment_of_its_first_event() -> None:
    records = {"shipment/1": shipment(), "shipment_event/1/000003": event(3)}
    writes = fold(records, moments={"shipment_event/1/000001": Moment(2, 11)}.__getitem__)
    [row] = rows(writes, "shipment")
    assert (row["created_at_ms"], row["changed_block"]) == (11, 7)
    assert [row["key"] for row in rows(writes, "ledger_record")] == list(records)
    assert [row["envelope"] for row in rows(writes, "ledger_transaction")] == [b"envelope"]


def test_the_first_event_is_known_from_the_block_itself() -> None:
    [row] = rows(fold({"shipment/1": shipment(), "shipment_event/1/000001": event(1)}), "shipment")
    assert row["created_at_ms"] == 99


def test_who_is_no_party_sees_nothing_not_even_the_envelope() -> None:
    records = {"shipment/1": shipment(), "shipment_event/1/000001": event(1), f"party/{OURS}/1": {"gsin": "1"}}
    assert fold(records, organisation=THEIRS) == []


def test_every_write_names_its_table_and_its_key() -> None:
    for write in fold({"shipment/1": shipment(), "shipment_event/1/000001": event(1)}):
        assert len(write.key) == len(KEYS[write.table])


@pytest.mark.parametrize(
    "records",
    [
        pytest.param({"shipment_event/1/000001": event(1)}, id="a shipment without its head"),
        pytest.param({"log_event/l/000001": None}, id="deleted"),
        pytest.param({"invoice/1": {}}, id="an unknown kind"),
        pytest.param({"log_event/l/000001": {"v": 2}}, id="a newer version"),
    ],
)
def test_what_this_version_cannot_read_stops_it(records: Mapping[str, Any]) -> None:
    with pytest.raises(ProjectionError, match="upgrade") as refused:
        fold(records)
    assert refused.value.code == "ledger_record_unsupported"


def test_each_key_of_a_device_keeps_when_it_began_and_which_block_ended_it() -> None:
    keys = [
        {"algorithm": "none", "since": 1, "until": 2},
        {"algorithm": "ES256", "since": 2, "until": 3, "public_key": "AAEC", "key_id": "0a"},
        {"algorithm": "ES256", "since": 3, "public_key": "AwQF", "key_id": "0b"},
    ]
    head = {"device_id": "d", "organisation": OURS, "home_log": "l", "model": "m\x00", "status": "active", "keys": keys}
    earlier = {"device_event/d/000001": Moment(2, 20), "device_event/d/000002": Moment(4, 40)}
    records = {"device/d": head, "device_event/d/000003": {"tx_timestamp_ms": 70}}
    writes = fold(records, organisation=THEIRS, moments=earlier.__getitem__)
    assert [
        (row["registered_at_ms"], row["ended_block"], row["key_id"], row["public_key"])
        for row in rows(writes, "device_key")
    ] == [
        (20, 4, None, None),
        (40, 7, b"\x0a", b"\x00\x01\x02"),
        (70, None, b"\x0b", b"\x03\x04\x05"),
    ]
    assert rows(writes, "device")[0]["model"] == "m\N{REPLACEMENT CHARACTER}"


# --- the chain ------------------------------------------------------------------------------------------------------


def delivered(
    number: int, *, envelopes: list[bytes], codes: bytes | None = b"", data_hash: bytes | None = None
) -> bytes:
    header = common_pb2.BlockHeader(
        number=number,
        previous_hash=b"p" * 32 if number else b"",
        data_hash=hashlib.sha256(b"".join(envelopes)).digest() if data_hash is None else data_hash,
    )
    metadata = common_pb2.BlockMetadata(metadata=[] if codes is None else [b"signatures", b"", codes])
    made = common_pb2.Block(header=header, data=common_pb2.BlockData(data=envelopes), metadata=metadata)
    data: bytes = made.SerializeToString()
    return data


def test_an_invalid_envelope_is_not_even_read() -> None:
    read = read_block(delivered(1, envelopes=[b"\xff garbage"], codes=b"\x0b"), contract=CONTRACT)
    assert (read.number, read.transactions, read.has_config) == (1, (), False)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff\xff", id="garbage"),
        pytest.param(delivered(1, envelopes=[b"\xff"], codes=b"\x00"), id="a valid envelope that cannot be read"),
        pytest.param(delivered(1, envelopes=[b"\x0a\x00"], codes=b""), id="no validation codes"),
        pytest.param(delivered(1, envelopes=[b"\x0a\x00"], codes=None), id="no metadata"),
        pytest.param(delivered(1, envelopes=[], data_hash=bytes(32)), id="another data hash"),
    ],
)
def test_a_damaged_block_stops_it(data: bytes) -> None:
    with pytest.raises(ProjectionError) as refused:
        read_block(data, contract=CONTRACT)
    assert refused.value.code == "ledger_block_unreadable"


def test_a_genesis_block_needs_no_validation_codes() -> None:
    read = read_block(delivered(0, envelopes=[], codes=None), contract=CONTRACT)
    assert after(read, None) == Checkpoint(height=1, genesis_hash=read.hash, last_block_hash=read.hash)


def test_the_next_block_moves_the_checkpoint() -> None:
    assert after(block({}), Checkpoint(7, b"g" * 32, b"p" * 32)) == Checkpoint(8, b"g" * 32, b"h" * 32)


@pytest.mark.parametrize(
    "reached",
    [
        pytest.param(None, id="no block before it"),
        pytest.param(Checkpoint(6, b"g" * 32, b"p" * 32), id="a block left out"),
        pytest.param(Checkpoint(8, b"g" * 32, b"p" * 32), id="a block twice"),
        pytest.param(Checkpoint(7, b"g" * 32, b"x" * 32), id="a fork"),
    ],
)
def test_a_block_that_does_not_follow_stops_it(reached: Checkpoint | None) -> None:
    with pytest.raises(ProjectionError) as refused:
        after(block({}), reached)
    assert refused.value.code == "ledger_forked"
