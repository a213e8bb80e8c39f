"""`wayproof init`: make a deployment on this machine."""

import argparse
from pathlib import Path

from wayproof.cli import fabric_home
from wayproof.up import provision


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("directory", type=Path, help="folder to make; it must be absent or empty")
    parser.add_argument(
        "--first-port",
        type=int,
        default=provision.FIRST_PORT,
        help="first of six ports, seven with Mosquitto (default: %(default)s)",
    )
    parser.add_argument(
        "--broker", choices=("amqtt", "mosquitto"), default="amqtt", help="amqtt: embedded; mosquitto: certificates"
    )
    fabric_home.add_ledger_argument(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    deployment = provision.initialise(
        options.directory,
        first_port=options.first_port,
        fabric=fabric_home.wanted(options),
        broker=options.broker,
    )
    print(f"deployment in {deployment.directory}")
    for member in deployment.members:
        devices = "has devices and a log" if member.keeps_log else "has no devices"
        print(f"  {member.msp_id:14} pages on http://127.0.0.1:{deployment.api_port(member.msp_id)}, {devices}")
    print(f"next: wayproof up {options.directory}")
    return 0
