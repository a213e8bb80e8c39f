"""`wayproof log`: register the organisation's log, or retire an epoch that cannot go on."""

import argparse
import asyncio
from pathlib import Path

from wayproof.anchor.register import Registered, register_log, retire_log
from wayproof.cli.worker import add_settings, begin
from wayproof.log.keys import generate_key


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    key = verbs.add_parser("key", help="make an Ed25519 key for checkpoints or receipts, readable by its owner only")
    key.add_argument("file", type=Path, help="PEM file to make; it must be absent")
    key.set_defaults(run=_key)

    register = verbs.add_parser(
        "register", help="make the log known to the ledger; what is there already is left alone"
    )
    add_settings(register)
    register.set_defaults(run=_register)

    retire = verbs.add_parser("retire", help="close an epoch that cannot go on, naming the loss")
    add_settings(retire)
    retire.add_argument("--epoch", type=int, required=True, help="the epoch to close")
    retire.add_argument("--reason", required=True, help="what was lost, in words that stay on the ledger")
    retire.add_argument(
        "--next-keys",
        type=Path,
        nargs=2,
        metavar=("CHECKPOINT", "RECEIPT"),
        help="PEM files of the next epoch's keys; without them the log is final",
    )
    retire.set_defaults(run=_retire)


def _key(options: argparse.Namespace) -> int:
    generate_key(options.file)
    print(f"made {options.file}")
    return 0


def _register(options: argparse.Namespace) -> int:
    return _say(asyncio.run(register_log(begin(options, process="log"))))


def _retire(options: argparse.Namespace) -> int:
    read = begin(options, process="log")
    next_keys = tuple(options.next_keys) if options.next_keys else None
    return _say(asyncio.run(retire_log(read, epoch=options.epoch, reason=options.reason, next_keys=next_keys)))


def _say(registered: Registered) -> int:
    done = "recorded on the ledger" if registered.is_new else "nothing to do"
    print(f"log {registered.log_id}: epoch {registered.epoch}, {registered.status}; {done}")
    return 0
