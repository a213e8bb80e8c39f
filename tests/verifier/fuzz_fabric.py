"""Coverage-guided fuzzing of the verifier's Fabric side: garbage raises `VerificationError` and nothing else.

    python tests/verifier/fuzz_fabric.py -runs=1000000

The seeds are a genesis block, a signed block and a transaction; the first byte of an input chooses the reader.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["wayproof_verifier"]):
    from wayproof_verifier.errors import VerificationError
    from wayproof_verifier.fabric.block import read_block
    from wayproof_verifier.fabric.chain import check_orderer_signatures
    from wayproof_verifier.fabric.config import read_config
    from wayproof_verifier.fabric.config_messages import FabricMSPConfig
    from wayproof_verifier.fabric.identity import Msp
    from wayproof_verifier.fabric.transaction import (
        check_creator,
        check_endorsements,
        check_transaction_id,
        read_endorsed,
        read_transaction,
    )

from support.fabric_certificates import raw
from support.fabric_channel import Channel
from support.fuzzing import fuzz

CHANNEL = Channel()
GENESIS, TRANSACTION = raw(CHANNEL.config_block()), CHANNEL.transaction()
BLOCK = raw(CHANNEL.block(7, [raw(TRANSACTION)]))
CONFIG = read_config(read_block(GENESIS))
POLICY = "/Channel/Application/Endorsement"


def _transaction(data: bytes) -> None:
    transaction = read_transaction(data)
    check_transaction_id(transaction)
    check_creator(transaction, membership=CONFIG.membership)
    check_endorsements(transaction, config=CONFIG, policy=POLICY)


def _endorsed(data: bytes) -> None:
    check_endorsements(read_endorsed(data), config=CONFIG, policy=POLICY)


READERS: tuple[tuple[Callable[[bytes], object], bytes], ...] = (
    (lambda data: read_config(read_block(data)), GENESIS),
    (lambda data: check_orderer_signatures(read_block(data), config=CONFIG), BLOCK),
    (_transaction, raw(TRANSACTION)),
    (_endorsed, TRANSACTION.payload),
    (CONFIG.membership.identity, CHANNEL.client.serialized),
    (lambda data: Msp(FabricMSPConfig.read(data)), raw(CHANNEL.orderer.msp_config())),
)


def one_input(data: bytes) -> None:
    """Give one input to the reader that its first byte names; any exception but ours ends the run."""
    if not data:
        return
    reader, _ = READERS[data[0] % len(READERS)]
    try:
        reader(data[1:])
    except VerificationError:
        return


if __name__ == "__main__":
    fuzz(one_input, seeds=[bytes([number]) + seed for number, (_, seed) in enumerate(READERS)])
