"""A contract: functions of a chaincode, to be evaluated (read) or submitted (written)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiofabric.errors import CommitError, CommitHandle, CommitStatusError, UnknownOutcomeError
from aiofabric.gateway.commit import SubmittedTransaction
from aiofabric.gateway.connection import Connection
from aiofabric.gateway.deadlines import Deadlines
from aiofabric.gateway.proposal import Proposal

Argument = bytes | str
"""An argument of a contract's function; text is sent as UTF-8."""


class Contract:
    """One contract of a chaincode on a channel, from `aiofabric.gateway.Network.contract`."""

    def __init__(self, connection: Connection, *, channel: str, chaincode: str, contract_name: str = "") -> None:
        self._connection = connection
        self._channel = channel
        self._chaincode = chaincode
        self._contract_name = contract_name

    @property
    def chaincode_name(self) -> str:
        """The chaincode that holds the contract."""
        return self._chaincode

    @property
    def contract_name(self) -> str:
        """The contract within the chaincode, empty for the default one."""
        return self._contract_name

    def proposal(
        self,
        function: str,
        *args: Argument,
        transient: Mapping[str, bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
        deadlines: Deadlines | None = None,
    ) -> Proposal:
        """Return a new proposal, for those who want the steps one by one, or to sign elsewhere.

        Args:
            function: the function's name.
            args: its arguments.
            transient: data that the endorsers see and no block holds.
            endorsing_organizations: MSP ids to ask instead of those that the gateway would choose.
            deadlines: seconds for each step of this call, instead of the gateway's.
        """
        name = f"{self._contract_name}:{function}" if self._contract_name else function
        connection = self._connection if deadlines is None else replace(self._connection, deadlines=deadlines)
        return Proposal.build(
            connection,
            channel=self._channel,
            chaincode=self._chaincode,
            args=[_encoded(argument) for argument in (name, *args)],
            transient=transient or {},
            endorsing_organizations=endorsing_organizations,
        )

    async def evaluate(
        self,
        function: str,
        *args: Argument,
        transient: Mapping[str, bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
        deadlines: Deadlines | None = None,
    ) -> bytes:
        """Ask one peer and return the answer; nothing is ordered. Raises `EvaluateError`."""
        proposal = self.proposal(
            function,
            *args,
            transient=transient,
            endorsing_organizations=endorsing_organizations,
            deadlines=deadlines,
        )
        return await proposal.evaluate()

    async def submit_async(
        self,
        function: str,
        *args: Argument,
        transient: Mapping[str, bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
        deadlines: Deadlines | None = None,
    ) -> SubmittedTransaction:
        """Endorse and send a transaction; return when it is accepted for ordering, before it is committed.

        Raises `EndorseError`, `SubmitError`, or `UnknownOutcomeError`, which carries the commit handle.
        """
        proposal = self.proposal(
            function,
            *args,
            transient=transient,
            endorsing_organizations=endorsing_organizations,
            deadlines=deadlines,
        )
        transaction = await proposal.endorse()
        return await transaction.submit()

    async def submit(
        self,
        function: str,
        *args: Argument,
        transient: Mapping[str, bytes] | None = None,
        endorsing_organizations: Sequence[str] = (),
        deadlines: Deadlines | None = None,
        attempts: int = 1,
    ) -> bytes:
        """Endorse, send, wait for the commit, and return the contract's answer.

        When sending ends without an answer, the commit status is asked for once, with its deadline, before giving up.

        Args:
            function: the function's name.
            args: its arguments.
            transient: data that the endorsers see and no block holds.
            endorsing_organizations: MSP ids to ask instead of those that the gateway would choose.
            deadlines: seconds for each step of this call, instead of the gateway's.
            attempts: how many proposals to make in all. Only a transaction that Fabric declared invalid for a conflict
                (MVCC, phantom) is proposed anew: it certainly changed nothing.

        Raises:
            EndorseError: not endorsed; nothing happened.
            SubmitError: refused; nothing happened.
            CommitError: in a block, invalid; nothing changed.
            UnknownOutcomeError: sent, and neither sending nor asking told what became of it.
        """
        while True:
            attempts -= 1
            try:
                return await self._submit_once(
                    self.proposal(
                        function,
                        *args,
                        transient=transient,
                        endorsing_organizations=endorsing_organizations,
                        deadlines=deadlines,
                    )
                )
            except CommitError as error:
                if attempts < 1 or not error.is_retryable:
                    raise

    async def _submit_once(self, proposal: Proposal) -> bytes:
        transaction = await proposal.endorse()
        try:
            commit: CommitHandle = await transaction.submit()
        except UnknownOutcomeError as error:
            commit = error.commit
        try:
            status = await commit.status()
        except CommitStatusError as error:
            raise UnknownOutcomeError(
                error.message,
                code=error.code,
                transaction_id=error.transaction_id,
                commit=commit,
                details=error.details,
            ) from error
        if not status.successful:
            raise CommitError(status)
        return transaction.result


def _encoded(argument: Argument) -> bytes:
    return argument.encode() if isinstance(argument, str) else argument
