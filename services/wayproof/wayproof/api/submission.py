"""From a request to the ledger and back: the argument checked, submitted once, waited for until it can be seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict

from aiofabric.errors import FabricError
from wayproof.api.models import Answer
from wayproof.api.problems import Refusal
from wayproof.api.resources import Member, Resources
from wayproof.store.errors import StoreError
from wayproof.store.ledger_view import wait_until_height
from wayproof_contract.arguments import ARGUMENTS
from wayproof_contract.errors import STATUS_OF, ContractError

PROJECTED_WITHIN_S = 10.0


class Body(BaseModel):
    """A request's body: exactly its members, in their types. What is absent stays absent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def argument(self) -> dict[str, Any]:
        """Return the members as the contract takes them."""
        return self.model_dump(exclude_none=True)


@dataclass(frozen=True, slots=True)
class Committed:
    """A transaction on the ledger: the record that it left, and whether our database shows it already."""

    record: Mapping[str, Any]
    is_projected: bool


class Pending(Answer):
    """The change is on the ledger; the pages cannot show it yet."""

    tx_id: str
    version: int
    detail: str = "recorded on the ledger, and not projected yet: read it again in a while"

    @classmethod
    def of(cls, committed: Committed) -> "Pending":
        """Return what can be said now."""
        return cls(tx_id=committed.record["tx_id"], version=committed.record["version"])

    def answer(self) -> JSONResponse:
        """Return it as an answer."""
        return JSONResponse(self.model_dump(), 202)


PENDING: dict[int | str, dict[str, Any]] = {
    202: {"model": Pending, "description": "Recorded on the ledger, not projected within 10 s."}
}
"""What OpenAPI says of it."""


async def submit(resources: Resources, member: Member, name: str, argument: Mapping[str, Any]) -> Committed:
    """Submit a transaction and wait until the projection has its block.

    Raises Refusal for an argument that the contract would refuse unseen, and as `Ledger.submit` does.
    """
    try:
        checked = ARGUMENTS[name](dict(argument))
    except ContractError as error:
        raise Refusal(error.message, code=error.code, status=STATUS_OF[error.code]) from error
    record = await member.ledger.submit(name, checked)
    return Committed(record, await _is_projected(resources, member, record["tx_id"]))


async def _is_projected(resources: Resources, member: Member, tx_id: str) -> bool:
    """Wait for the block of a transaction; not being able to does not undo it."""
    try:
        status = await member.network.commit(tx_id).status()
        return await run_in_threadpool(_wait, resources, status.block_number + 1)
    except (FabricError, StoreError):
        return False


def _wait(resources: Resources, height: int) -> bool:
    with resources.connection() as connection:
        return wait_until_height(connection, height, PROJECTED_WITHIN_S)
