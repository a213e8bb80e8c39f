"""`wayproof rejections`: refused payloads, one by one, and judging them again."""

import argparse
import json
import os
import pwd
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wayproof.cli.worker import add_settings, begin
from wayproof.errors import WayproofError
from wayproof.replay.publisher import connected
from wayproof.replay.replaying import SEEN_WITHIN_S, find_by_id, replay, require_replayable
from wayproof.settings import BrokerSettings, Settings
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.rejections import ListedRejection, list_rejections
from wayproof.store.replays import replays

NEWEST = (2**62, True, 2**62)
SHOWN_BYTES = 2_000
WORDS = {
    "accepted": "accepted as message {}",
    "refused": "refused again: {}",
    "not_seen": "published, and nothing was seen of it: does `wayproof ingest` run, and may this certificate publish "
    "on the device's topic?",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    listing = verbs.add_parser("list", help="refused payloads, the newest first")
    add_settings(listing)
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
    listing.add_argument("--code", help="only those that were refused for this")
    listing.set_defaults(run=_list)

    show = verbs.add_parser("show", help="one of them as JSON: why, how often, its bytes, and when it was replayed")
    add_settings(show)
    show.add_argument("id", help="as `list` says it: other:7, log:7")
    show.add_argument("--payload", type=Path, metavar="FILE", help="write its bytes to a file that is not there yet")
    show.set_defaults(run=_show)

    again = verbs.add_parser("replay", help="publish them again, so that ingest judges them again")
    add_settings(again)
    again.add_argument("id", nargs="+", help="as `list` says it")
    again.add_argument("--operator", default=_account(), help="who does it, as it is noted (this account's name)")
    again.add_argument("--wait", type=float, default=SEEN_WITHIN_S, metavar="S", help="how long ingest may take (15 s)")
    again.add_argument("--anyway", action="store_true", help="also what the bytes alone decided")
    again.add_argument(
        "--certificate", type=Path, metavar="FILE", help="PEM file to show the broker instead of ingest's"
    )
    again.add_argument("--key", type=Path, metavar="FILE", help="PEM file with its key")
    again.set_defaults(run=_replay)


def _list(options: argparse.Namespace) -> int:
    with _database(begin(options, process="rejections")) as connection:
        place, left = NEWEST, options.limit
        while left > 0:
            page = list_rejections(connection, after=place, limit=200)
            for it in page:
                if left > 0 and options.code in (None, it.code):
                    print(_line(it))
                    left -= 1
            if not page:
                break
            place = page[-1].last_received_at_ms, page[-1].is_logged, page[-1].number
    return 0


def _show(options: argparse.Namespace) -> int:
    with _database(begin(options, process="rejections")) as connection:
        rejection = find_by_id(connection, options.id)
        told: dict[str, Any] = asdict(rejection) | {"payload_hash": rejection.payload_hash.hex()}
        payload = told.pop("payload")
        if payload is not None:
            told["payload_hex"] = payload[:SHOWN_BYTES].hex() + ("…" if len(payload) > SHOWN_BYTES else "")
        told["replays"] = [asdict(it) for it in replays(connection, rejection)]
    print(json.dumps(told, indent=2))
    if options.payload is not None and payload is not None:
        try:
            with options.payload.open("xb") as file:
                file.write(payload)
        except OSError as error:
            raise WayproofError(f"{options.payload}: {error.strerror}", code="file_not_written") from error
    return 0


def _replay(options: argparse.Namespace) -> int:
    read = begin(options, process="rejections")
    broker = _broker(read, certificate=options.certificate, key=options.key)
    verdicts = []
    with _database(read) as connection:
        found = [require_replayable(connection, it, anyway=options.anyway) for it in options.id]
        with connected(broker) as publisher:
            for rejection_id, rejection in zip(options.id, found, strict=True):
                outcome = replay(connection, publisher, rejection, operator=options.operator, within_s=options.wait)
                print(f"{rejection_id}  {WORDS[outcome.verdict].format(outcome.detail)}")
                verdicts.append(outcome.verdict)
    return 0 if set(verdicts) == {"accepted"} else 1


def _line(it: ListedRejection) -> str:
    """Return one line; strangers chose the topic, so nothing in it may steer a terminal."""
    at = datetime.fromtimestamp(it.last_received_at_ms / 1000, UTC).isoformat(timespec="seconds")
    replayed = "  replayed" if it.replayed_at_ms else ""
    rejection_id = f"{'log' if it.is_logged else 'other'}:{it.number}"
    size = f"{it.times:>6} x {it.payload_size or 0:>7} B"
    return f"{rejection_id:<12} {at}  {it.code:<20} {size}  {json.dumps(it.topic)}{replayed}"


def _broker(read: Settings, *, certificate: Path | None, key: Path | None) -> BrokerSettings:
    broker = read.require_broker()
    if certificate is None and key is None:
        return broker
    return BrokerSettings.model_validate(broker.model_dump() | {"certificate": certificate, "key": key})


def _database(read: Settings) -> Connection:
    connection = connect(read.database, application="rejections", role="rejections")
    schema.require_current(connection)
    return connection


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
