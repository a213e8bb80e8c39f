"""The entry point: what the stub gives is what the contract gets, and its answer is the peer's."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fabric_protos.msp import identities_pb2

from support.contract_state import CommittedState, Simulation
from support.contract_world import NORTH, START_AT_MS, log_argument
from wayproof_contract import canonical
from wayproof_contract.peer import chaincode

if TYPE_CHECKING:
    from aiofabric.chaincode import ChaincodeStub

ATTRIBUTES = x509.ObjectIdentifier("1.2.3.4.5.6.7.8.1")


@cache
def _certificate(roles: str | None) -> x509.Certificate:
    key = ec.derive_private_key(7, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    since = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, since, since + timedelta(days=1))
    if roles is not None:
        value = json.dumps({"attrs": {"wayproof.roles": roles}}).encode()
        builder = builder.add_extension(x509.UnrecognizedExtension(ATTRIBUTES, value), critical=False)
    return builder.sign(key, hashes.SHA256())


class Stub:
    """What the entry point uses of a chaincode stub, over a state in memory."""

    tx_id = "ab" * 32
    timestamp_ms = START_AT_MS

    def __init__(self, *args: bytes, roles: str | None = "anchor") -> None:
        pem = _certificate(roles).public_bytes(Encoding.PEM)
        identity = identities_pb2.SerializedIdentity(mspid=NORTH, id_bytes=pem)
        self.creator: bytes = identity.SerializeToString()
        self.args = args
        self.simulation = Simulation(CommittedState())

    def get_state(self, key: str) -> bytes | None:
        return self.simulation.get(key)

    def put_state(self, key: str, value: bytes) -> None:
        self.simulation.put(key, value)

    def get_state_by_range_with_pagination(
        self, start_key: str, end_key: str, *, page_size: int, bookmark: str
    ) -> tuple[list[tuple[str, bytes]], str]:
        pairs, following = self.simulation.page(start_key, end_key, size=page_size, bookmark=bookmark)
        return list(pairs), following

    def run(self) -> tuple[int, str]:
        """Return the response's status, and the code of a refusal."""
        response = chaincode(cast("ChaincodeStub", self))
        code = str(canonical.decode_object(response.message.encode())["code"]) if response.message else ""
        return response.status, code


def test_a_transaction_carries_its_creator_and_circumstances() -> None:
    stub = Stub(b"register_log", canonical.encode(log_argument("north")))
    assert stub.run() == (200, "")
    event = canonical.decode_object(stub.simulation.writes["log_event/north/000001"])
    assert event["submitter"] == _certificate("anchor").fingerprint(hashes.SHA256()).hex()
    assert (event["organisation"], event["tx_id"], event["tx_timestamp_ms"]) == (NORTH, stub.tx_id, START_AT_MS)


@pytest.mark.parametrize("roles", [None, "", "operator"])
def test_the_role_comes_from_the_certificate(roles: str | None) -> None:
    stub = Stub(b"register_log", canonical.encode(log_argument("north")), roles=roles)
    assert stub.run() == (403, "missing_role")


@pytest.mark.parametrize("args", [(), (b"list_devices",), (b"list_devices", b"{}", b"{}")])
def test_there_is_one_function_and_one_argument(args: tuple[bytes, ...]) -> None:
    assert Stub(*args).run() == (400, "malformed_argument")


def test_a_name_that_is_no_text_is_unknown() -> None:
    assert Stub(b"\xff", b"{}").run() == (400, "unknown_transaction")


def test_a_query_pages_through_the_stub() -> None:
    assert Stub(b"list_devices", b"{}").run() == (200, "")
