"""`wayproof device`: who may connect. Some verbs are a person's (`--settings`), some the device's own (a folder)."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from wayproof import ledger as ledgers
from wayproof.cli.worker import add_settings, begin, run_blocking
from wayproof.enrolment import folder as folders
from wayproof.enrolment import gate
from wayproof.enrolment.authority import pem
from wayproof.enrolment.certificate import now_utc
from wayproof.enrolment.desk import open_claim
from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.folder import Folder
from wayproof.enrolment.register import revocation
from wayproof.settings import Settings
from wayproof.simulate import enrolling
from wayproof.store import schema
from wayproof.store.connection import Connection, connect
from wayproof.store.devices import describe_device, list_devices
from wayproof.store.enrolment import list_certificates

PAGE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    authority = verbs.add_parser("authority", help="make the authorities' folder, and what the broker reads")
    add_settings(authority)
    authority.add_argument(
        "--broker-host", action="append", default=[], metavar="HOST", help="one more name or address of the broker"
    )
    authority.set_defaults(run=_authority)

    claim = verbs.add_parser("claim", help="let a device come once: prints its token")
    add_settings(claim)
    claim.add_argument("device", help="device id")
    claim.add_argument("--model", required=True, help="what it is, for the ledger")
    claim.add_argument("--serial", help="its manufacturer's serial number, in place of a token")
    claim.set_defaults(run=_claim)

    enrol = verbs.add_parser("enrol", help="on the device: make its key, and get its certificate")
    _add_device(enrol)
    shown = enrol.add_mutually_exclusive_group()
    shown.add_argument("--token-file", type=Path, metavar="FILE", help="holds the token (default: standard input)")
    shown.add_argument(
        "--manufacturer",
        type=Path,
        nargs=2,
        metavar=("CHAIN", "KEY"),
        help="PEM files of the manufacturer's certificate, with what leads to its authority, and of its key",
    )
    enrol.add_argument("--algorithm", choices=("ES256", "EdDSA"), default="ES256")
    enrol.set_defaults(run=_enrol)

    renew = verbs.add_parser("renew", help="on the device: get the next certificate for its key")
    _add_device(renew)
    renew.set_defaults(run=_renew)

    revoke = verbs.add_parser("revoke", help="end a device's key on the ledger; its connection ends within a minute")
    add_settings(revoke)
    revoke.add_argument("device", help="device id")
    revoke.add_argument("--reason", required=True, help="in words that stay on the ledger")
    revoke.set_defaults(run=_revoke)

    listed = verbs.add_parser("list", help="devices, whether they are active, and when their certificates end")
    add_settings(listed)
    listed.set_defaults(run=_list)

    kept = verbs.add_parser("gate", help="keep Mosquitto from revoked devices, until interrupted")
    add_settings(kept)
    kept.set_defaults(run=_gate)


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="FOLDER", help="the device's own folder")
    parser.add_argument("--api", required=True, metavar="URL", help="the organisation's API, as devices reach it")


def _authority(options: argparse.Namespace) -> int:
    read = begin(options, process="device")
    enrolment, broker = read.require_enrolment(), read.require_broker()
    hosts = dict.fromkeys([enrolment.devices_host, broker.host, *options.broker_host])
    folder = Folder.at(enrolment.directory, broker=enrolment.broker_files)
    made = folders.complete(folder, organisation=read.organisation, hosts=list(hosts), now=now_utc())
    print(f"{enrolment.directory}: {'made ' + ', '.join(made) if made else 'nothing to do'}")
    return 0


def _claim(options: argparse.Namespace) -> int:
    read = begin(options, process="device")
    with _store(read) as connection:
        made, token = open_claim(
            connection,
            options.device,
            model=options.model,
            serial=options.serial,
            valid_for_s=read.require_enrolment().claim_valid_s,
            now=now_utc(),
        )
    print(token if token is not None else f"{made.device_id} may come as {made.serial}")
    print(f"until {_instant(made.expires_at_ms)}", file=sys.stderr)
    return 0


def _enrol(options: argparse.Namespace) -> int:
    token = manufacturer = None
    if options.manufacturer is None:
        token = (_text(options.token_file) if options.token_file else sys.stdin.read()).strip()
    else:
        chain, key = options.manufacturer
        certificates = x509.load_pem_x509_certificates(_text(chain).encode())
        manufacturer = ([pem(it) for it in certificates], _text(key).encode())
    with enrolling.enrol(
        options.directory, api=options.api, token=token, manufacturer=manufacturer, algorithm=options.algorithm
    ) as device:
        print(f"{device.identity.device_id} of {device.identity.organisation} in {options.directory}")
    return 0


def _renew(options: argparse.Namespace) -> int:
    certificate = enrolling.renew(options.directory, api=options.api)
    print(f"valid until {certificate.not_valid_after_utc.isoformat()}")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    read = begin(options, process="device")
    with _store(read) as connection:
        found = describe_device(connection, options.device)
    if found is None:
        raise EnrolmentError(f"no device {options.device} is registered, or not yet projected", code="device_unknown")
    record = asyncio.run(_submit(read, revocation(found, reason=options.reason)))
    print(f"{options.device} is revoked: transaction {record['tx_id']}")
    return 0


async def _submit(read: Settings, argument: dict[str, object]) -> dict[str, object]:
    async with ledgers.connect(read.ledger, msp_id=read.organisation, user="registrar") as (_, ledger):
        return await ledger.submit("revoke_device", argument)


def _list(options: argparse.Namespace) -> int:
    read = begin(options, process="device")
    with _store(read) as connection:
        ends: dict[str, int] = {}
        after = ""
        while page := list_certificates(connection, after=after, limit=PAGE):
            ends |= {it.device_id: it.not_after_ms for it in page}
            after = page[-1].device_id
        after = ""
        while devices := list_devices(connection, after=after, limit=PAGE):
            for device in devices:
                end = ends.get(device.device_id)
                print(f"{device.device_id}\t{device.organisation}\t{device.status}\t{_instant(end) if end else '-'}")
            after = devices[-1].device_id
    return 0


def _gate(options: argparse.Namespace) -> int:
    return run_blocking(gate.run, begin(options, process="gate"))


@contextmanager
def _store(read: Settings) -> Iterator[Connection]:
    with connect(read.database, application="device", role="devices") as connection:
        schema.require_current(connection)
        yield connection


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"{path} cannot be read", code="claim_unknown") from error


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
