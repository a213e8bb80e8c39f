"""How many messages a second the verifier checks on one core, and in how much memory.

    python tests/benchmarks/verify_messages.py [--messages 1000000] [--algorithm EdDSA|ES256]

The file is generated as a stream (one device, one reading in each message, anchored once) and verified in this process
and thread. `bytes` is what a message takes in the file, `peak` the memory of the whole process at its height.
"""

import argparse
import base64
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).parents[1]))

from cryptography.hazmat.primitives.asymmetric import ec

from support.evidence_builder import LOG, Journey, Json, canonical, finished, network, text
from support.evidence_device import Device, Sent, entry, leaf
from wayproof_contract.merkle import CompactRange
from wayproof_verifier.report import Exit
from wayproof_verifier.verify import verify

SALT = bytes(16)
RECEIVED_AT_MS = 1_767_225_600_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--algorithm", choices=["EdDSA", "ES256"], default="EdDSA")
    options = parser.parse_args()
    device = (
        Device("logger-1", ec.generate_private_key(ec.SECP256R1()))
        if options.algorithm == "ES256"
        else Device("logger-1")
    )
    journey = Journey(network(), device)
    journey.prepare()
    journey.attach()
    with tempfile.TemporaryFile() as messages, tempfile.TemporaryFile() as evidence:
        root = write_messages(messages, journey=journey, count=options.messages)
        anchor(journey, root=root, size=options.messages)
        for line in around(journey, messages, count=options.messages):
            evidence.write(line)
        size = evidence.tell()
        evidence.seek(0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started, processor = time.perf_counter(), time.process_time()
        report = verify(evidence, trust=journey.trust, progress=show)
        elapsed, processor = time.perf_counter() - started, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"\r{options.messages:,} messages ({options.algorithm}, 1 reading): {report.exit_status.name.lower()} "
        f"in {elapsed:.1f} s, "
        f"{options.messages / processor:,.0f} messages/s per core; {size / options.messages:.0f} bytes each; "
        f"peak {peak / 1024:.0f} MiB (before: {before / 1024:.0f} MiB)"
    )
    return 0 if report.exit_status is Exit.VERIFIED else 1


def write_messages(target: BinaryIO, *, journey: Journey, count: int) -> bytes:
    """Write the message lines, fold them, and return the root."""
    tree = CompactRange()
    topic = f"wayproof/v1/MakerMSP/{journey.device.device_id}/messages"
    for index in range(count):
        sent = journey.device.send("4.5")
        tree.append_leaf(leaf(entry(SALT, topic, sent.payload, RECEIVED_AT_MS)))
        target.write(canonical(message_line(index, topic, sent)) + b"\n")
        if index % 1000 == 0:
            print(f"\rgenerating {index:,}", end="", file=sys.stderr)
    target.seek(0)
    return tree.root()


def message_line(index: int, topic: str, sent: Sent) -> Json:
    return {
        "type": "message",
        "index": index,
        "salt": base64.b64encode(SALT).decode(),
        "topic": topic,
        "payload": text(sent.payload),
        "received_at_ms": RECEIVED_AT_MS,
        "readings": sent.readings,
    }


def anchor(journey: Journey, *, root: bytes, size: int) -> None:
    journey.counter = 1
    journey.submit(
        "anchor_log", {"log_id": LOG, "epoch": 1, "counter": 1, "size": size, "root": root.hex(), "proof": []}
    )


def around(journey: Journey, messages: BinaryIO, *, count: int) -> Iterator[bytes]:
    """Yield the lines of the file: the ledger's, the log, its messages, the interval, the end."""
    *before, interval, _ = journey.lines()
    log = {"type": "log", "log_id": LOG, "epoch": 1, "counter": 1, "size": count, "consistency": []}
    for line in [*before, log]:
        yield canonical(line) + b"\n"
    yield from messages
    yield canonical({**interval, "messages": count}) + b"\n"
    (end,) = finished([])
    yield canonical({**end, "lines": len(before) + 2 + count}) + b"\n"


def show(messages: int) -> None:
    print(f"\rverifying {messages:,}   ", end="", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
