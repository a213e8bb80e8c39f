"""The auditor's strict reader, which knows nothing of this ledger, accepts its blocks and transactions."""

from pathlib import Path

from aiofabric.blocks import signed_part
from aiofabric.embedded import describe
from aiofabric.embedded.policy import ENDORSEMENT
from support.embedded_client import Client, opened
from wayproof_verifier.fabric.block import read_block
from wayproof_verifier.fabric.chain import check_block, read_config_chain
from wayproof_verifier.fabric.transaction import (
    check_creator,
    check_endorsements,
    check_transaction_id,
    read_transaction,
)


async def test_the_strict_reader_accepts_everything(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        for args in (
            ("put", "a", "1"),
            ("event", "n", "p"),
            ("count", "a", "z", "n"),
            ("add", "n", "1"),
            ("delete", "a"),
        ):
            await client.submit(ledger, *args)
        stored = [(await ledger.block(number)).SerializeToString() for number in range(ledger.height)]
    genesis, *blocks = [signed_part(block) for block in stored]
    pinned = bytes.fromhex(describe(directory).genesis_hash)
    config = read_config_chain([genesis], channel_id="trade", genesis_hash=pinned).latest
    previous = read_block(genesis).header
    transactions = []
    for encoded in blocks:
        block = read_block(encoded)
        check_block(block, config=config, previous=previous)
        previous = block.header
        transactions += [read_transaction(envelope) for envelope in block.envelopes]
    for transaction in transactions:
        check_transaction_id(transaction)
        assert check_creator(transaction, membership=config.membership).role == "admin"
        endorsers = check_endorsements(transaction, config=config, policy=ENDORSEMENT)
        assert [endorser.msp_id for endorser in endorsers] == ["Org1MSP", "Org2MSP"]
    assert transactions[0].writes == {"a": b"1"}
    version = transactions[3].reads["n"]
    assert version is not None
    assert (version.block_num, version.tx_num) == (3, 0)
    assert transactions[4].writes == {"a": None}
