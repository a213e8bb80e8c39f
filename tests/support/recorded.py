"""What real ledgers once produced (`tests/fixtures/fabric`): a channel's blocks, evidence, the trust root, receipts.

`write` is for the programs that record; tests `read`. Everything is compressed: certificates repeat in every block.
"""

import base64
import json
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wayproof_verifier.trust import TrustRoot

FOLDER = Path(__file__).parents[1] / "fixtures" / "fabric"
LEDGERS = ("bft", "raft", "raft-2.5", "embedded")
"""The recordings, a folder each."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One channel, from its genesis block to a closed shipment.

    `blocks` are whole, as a peer delivered them, with the metadata that it added for itself.
    """

    ledger: str
    made_with: str
    blocks: tuple[bytes, ...]
    evidence: bytes
    evidence_with_blocks: bytes
    receipts: bytes
    trust: TrustRoot


def write(recorded: Recorded, *, folder: Path = FOLDER) -> Path:
    """Write a recording into the folder of its ledger; what was there is replaced."""
    into = folder / recorded.ledger
    into.mkdir(parents=True, exist_ok=True)
    files = {
        "blocks.jsonl.xz": _compressed(_lines(recorded.blocks)),
        "shipment.jsonl.xz": _compressed(recorded.evidence),
        "shipment-with-blocks.jsonl.xz": _compressed(recorded.evidence_with_blocks),
        "receipts.jsonl": recorded.receipts,
        "trust-root.json": recorded.trust.encode(),
        "made-with.json": json.dumps({"ledger": recorded.made_with}).encode() + b"\n",
    }
    for name, data in files.items():
        (into / name).write_bytes(data)
    return into


def read(ledger: str, *, folder: Path = FOLDER) -> Recorded:
    """Read the recording of a ledger."""
    source = folder / ledger
    blocks = lzma.decompress((source / "blocks.jsonl.xz").read_bytes()).splitlines()
    return Recorded(
        ledger=ledger,
        made_with=json.loads((source / "made-with.json").read_bytes())["ledger"],
        blocks=tuple(base64.b64decode(json.loads(line)["block"], validate=True) for line in blocks),
        evidence=lzma.decompress((source / "shipment.jsonl.xz").read_bytes()),
        evidence_with_blocks=lzma.decompress((source / "shipment-with-blocks.jsonl.xz").read_bytes()),
        receipts=(source / "receipts.jsonl").read_bytes(),
        trust=TrustRoot.decode((source / "trust-root.json").read_bytes()),
    )


def _lines(blocks: Iterable[bytes]) -> bytes:
    return b"".join(json.dumps({"block": base64.b64encode(block).decode()}).encode() + b"\n" for block in blocks)


def _compressed(data: bytes) -> bytes:
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)
