"""The verifier's Fabric side on what the embedded ledger and our Gateway client really make."""

from itertools import pairwise
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2

from aiofabric.embedded.provision import Organisation, initialise, load_user
from aiofabric.embedded.server import serve
from aiofabric.gateway import Gateway
from support.fabric_certificates import raw
from wayproof_verifier.errors import PolicyError
from wayproof_verifier.fabric.block import read_block
from wayproof_verifier.fabric.chain import ConfigChain, check_block, read_config_chain
from wayproof_verifier.fabric.messages import Version
from wayproof_verifier.fabric.transaction import (
    Transaction,
    check_creator,
    check_endorsements,
    check_transaction_id,
    read_endorsed,
    read_transaction,
)

POLICY = "/Channel/Application/Endorsement"
ORGANISATIONS = ["Org1MSP", "Org2MSP", "Org3MSP"]


def stripped(block: common_pb2.Block) -> bytes:
    """Leave metadata slot 0 alone, as evidence carries a block."""
    block.metadata.CopyFrom(common_pb2.BlockMetadata(metadata=[block.metadata.metadata[0]]))
    return raw(block)


def check(transaction: Transaction, chain: ConfigChain) -> None:
    config = chain.in_force(1)
    check_transaction_id(transaction)
    assert check_creator(transaction, membership=config.membership).role in ("admin", "client")
    check_endorsements(transaction, config=config, policy=POLICY, organisations=ORGANISATIONS)
    with pytest.raises(PolicyError):
        check_endorsements(transaction, config=config, policy=POLICY, organisations=ORGANISATIONS[:1])


@pytest.mark.filterwarnings("ignore::aiofabric.embedded.errors.DevelopmentLedgerWarning")
async def test_blocks_transactions_and_endorsed_state_of_the_embedded_ledger(tmp_path: Path) -> None:
    directory = tmp_path / "ledger"
    made = initialise(
        directory,
        channel="cold",
        organisations=[Organisation(msp_id) for msp_id in ORGANISATIONS],
        chaincodes={"touch": "support.fabric_contract:touch"},
    )
    identity, sign = load_user(directory, msp_id="Org1MSP", name="admin")
    async with serve(directory) as endpoint:
        async with Gateway.connect(
            endpoint.address, identity=identity, signer=sign, tls_ca=endpoint.tls_ca_pem
        ) as gateway:
            contract = gateway.network("cold").contract("touch")
            await contract.submit("write", "one")
            await contract.submit("write", "two")
            endorsed = await contract.proposal("read").endorse()
        blocks = [stripped(await endpoint.ledger.block(number)) for number in range(endpoint.ledger.height)]

    chain = read_config_chain(blocks[:1], channel_id="cold", genesis_hash=bytes.fromhex(made.genesis_hash))
    assert chain.latest.consensus == "embedded"
    assert chain.latest.application_organisations == set(ORGANISATIONS)
    read = [read_block(block) for block in blocks]
    for previous, block in pairwise(read):
        check_block(block, config=chain.in_force(block.number), previous=previous.header)

    submitted = [read_transaction(envelope) for block in read[1:] for envelope in block.envelopes]
    assert [transaction.args for transaction in submitted] == [(b"write", b"one"), (b"write", b"two")]
    assert submitted[1].reads == {"known": Version(block_num=1), "absent": None}
    assert submitted[1].writes == {"known": b"two", "gone": None}
    state = read_endorsed(endorsed.payload)
    assert state.response.payload == b"two"
    for transaction in (*submitted, state):
        check(transaction, chain)
