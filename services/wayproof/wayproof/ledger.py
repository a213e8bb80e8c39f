"""Our transactions and queries over an aiofabric contract: **where a Fabric error becomes ours**.

`Ledger` speaks canonical JSON to `wayproof_contract`, on the embedded ledger and on real Fabric alike. It sends
every transaction once: when the outcome is unknown it raises `OutcomeUnknown`, and the caller asks before sending
again. Tried again, with a new proposal, is only what certainly changed nothing: a conflict that Fabric itself declared
invalid (MVCC, phantom), and answers of peers that differ because one of them has not committed the last block yet.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from aiofabric.errors import (
    CommitError,
    EndorseError,
    FabricError,
    GatewayError,
    UnknownOutcomeError,
)
from aiofabric.gateway import Contract, Gateway, Network
from aiofabric.identity import Identity, Signer, private_key_signer
from wayproof.errors import ContractRefusal, LedgerError, OutcomeUnknown
from wayproof.settings import LedgerSettings, SettingsError
from wayproof_contract import canonical

CONTRACT = "wayproof"
"""Name of the contract, and of the channel that the embedded ledger makes for it."""

ENTRY_POINT = "wayproof_contract.peer:chaincode"

USERS: Mapping[str, Mapping[str, str]] = {
    name: {"wayproof.roles": name} for name in ("operator", "registrar", "anchor", "monitor", "privacy")
}
"""The identities that an organisation's processes act with, each with one role of the contract."""

MALFORMED = "ledger_answer_malformed"
"""The code of an answer that is not what the contract says."""

CONFLICT_ATTEMPTS = 5
APART_ATTEMPTS = 20
APART_PAUSE_S = 0.25
"""How often, and in which steps, peers are waited for that have not committed the same blocks."""

_APART = "ProposalResponsePayloads do not match"
READ_RECORDS_LIMIT = 1000

Json = Mapping[str, object]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ledger:
    """One organisation's view of the ledger: what it submits is signed with the key of the gateway's identity."""

    contract: Contract

    async def query(self, name: str, argument: Json) -> dict[str, Any]:
        """Evaluate a query and return its decoded answer. Raises `ContractRefusal` or `LedgerError`."""
        try:
            payload = await self.contract.evaluate(name, canonical.encode(dict(argument)))
        except FabricError as error:
            raise _ours(error, what=f"query {name}") from error
        return _object(payload)

    async def submit(self, name: str, argument: Json) -> dict[str, Any]:
        """Submit a transaction, wait for its commit and return its decoded answer.

        Raises `ContractRefusal` when the contract said no, `OutcomeUnknown` when it may be committed, `LedgerError`
        when it certainly is not.
        """
        encoded = canonical.encode(dict(argument))
        try:
            return _object(await _once_alike(lambda: self.contract.submit(name, encoded, attempts=CONFLICT_ATTEMPTS)))
        except FabricError as error:
            raise _ours(error, what=f"transaction {name}") from error

    async def endorsed_records(self, keys: Iterable[str]) -> list[bytes]:
        """Return endorsed state for these keys: one `common.Payload` for every page of keys.

        The query is endorsed as widely as the channel's policy asks and never submitted.
        """
        wanted = sorted(set(keys))
        pages = [wanted[start : start + READ_RECORDS_LIMIT] for start in range(0, len(wanted), READ_RECORDS_LIMIT)]
        return [await self._endorse(page) for page in pages]

    async def _endorse(self, keys: list[str]) -> bytes:
        argument = canonical.encode({"keys": keys})
        try:
            return (await _once_alike(lambda: self.contract.proposal("read_records", argument).endorse())).payload
        except FabricError as error:
            raise _ours(error, what="endorsed state") from error


async def _once_alike(propose: Callable[[], Awaitable[T]]) -> T:
    """Propose until all endorsers give the same answer: each reads what it has committed, and one may be behind."""
    for _ in range(APART_ATTEMPTS):
        try:
            return await propose()
        except EndorseError as error:
            if not any(_APART in detail.message for detail in error.details):
                raise
        await asyncio.sleep(APART_PAUSE_S)
    return await propose()


@asynccontextmanager
async def connect(settings: LedgerSettings, *, msp_id: str, user: str) -> AsyncIterator[tuple[Network, Ledger]]:
    """Yield the channel and our contract on it, as one of the organisation's users. Raises SettingsError.

    Nothing is sent before the first call, so a ledger that is not there yet is found out then.
    """
    identity, signer = _identity(settings.users / user, msp_id=msp_id)
    gateway = Gateway.connect(settings.endpoint, tls_ca=_read(settings.tls_ca), identity=identity, signer=signer)
    async with gateway:
        network = gateway.network(settings.channel)
        yield network, Ledger(network.contract(settings.contract))


def _identity(folder: Path, *, msp_id: str) -> tuple[Identity, Signer]:
    """Read the certificate and the P-256 key of a user."""
    key = load_pem_private_key(_read(folder / "key.pem"), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SettingsError(f"{folder / 'key.pem'} is not a P-256 key: Fabric's identities have one")
    return Identity(msp_id, _read(folder / "cert.pem")), private_key_signer(key)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error


def _object(payload: bytes) -> dict[str, Any]:
    """Read an answer of the contract; whatever else a peer may say is no reason for a process to end."""
    try:
        return canonical.decode_object(payload)
    except canonical.CanonicalError as error:
        raise LedgerError(f"the contract's answer is no object: {error}", code=MALFORMED) from error


def _ours(error: FabricError, *, what: str) -> LedgerError | ContractRefusal:
    """Translate a Fabric error: the contract's refusals keep their own code, everything else is the ledger's."""
    if isinstance(error, UnknownOutcomeError):
        return OutcomeUnknown(f"{what}: sent, and its outcome is not known; ask for its status before sending another")
    if isinstance(error, GatewayError) and error.chaincode_status is not None:
        refusal = _refusal(error.chaincode_message or "")
        return ContractRefusal(f"{what}: {refusal['message']}", code=refusal["code"], status=error.chaincode_status)
    if isinstance(error, CommitError):
        return LedgerError(f"{what}: committed as invalid, {error.code_name}", code="ledger_transaction_invalid")
    return LedgerError(f"{what}: {error.diagnostics()}")


def _refusal(message: str) -> dict[str, str]:
    """Read the contract's `{"code","message"}`; another chaincode's text is kept as it is."""
    try:
        value = canonical.decode(message.encode())
    except canonical.CanonicalError:
        return {"code": "chaincode_error", "message": message}
    if isinstance(value, dict) and isinstance(value.get("code"), str) and isinstance(value.get("message"), str):
        return {"code": value["code"], "message": value["message"]}
    return {"code": "chaincode_error", "message": message}
