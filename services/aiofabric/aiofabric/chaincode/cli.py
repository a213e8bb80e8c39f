"""``python -m aiofabric.chaincode MODULE:ATTRIBUTE --package-id ID --address HOST:PORT``."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiofabric.chaincode.entry_point import load
from aiofabric.chaincode.errors import ChaincodeError
from aiofabric.chaincode.interface import Chaincode
from aiofabric.chaincode.server import WORKERS, ServerTls, serve

# The variables that Fabric's samples give to a chaincode process.
_VARIABLES = {
    "package_id": "CHAINCODE_ID",
    "address": "CHAINCODE_SERVER_ADDRESS",
    "tls_certificate": "CHAINCODE_TLS_CERT",
    "tls_key": "CHAINCODE_TLS_KEY",
    "client_ca": "CHAINCODE_CLIENT_CA_CERT",
}


def main(arguments: Sequence[str] | None = None, *, chaincode: Chaincode | None = None) -> int:
    """Serve a contract until SIGTERM or SIGINT; return 0, or 1 with a message on standard error.

    A program that serves one contract gives it as ``chaincode``; then none is named on the command line.
    """
    parser = _parser(os.environ, names_contract=chaincode is None)
    options = parser.parse_args(arguments)
    for destination in ("package_id", "address"):
        if getattr(options, destination) is None:
            parser.error(f"give --{destination.replace('_', '-')}, or {_VARIABLES[destination]} in the environment")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.path.insert(0, str(Path.cwd()))  # contracts may lie where the command is given, as for `python -m`
    try:
        asyncio.run(serve_until_stopped(chaincode or load(options.contract), options=options))
    except (ChaincodeError, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


async def serve_until_stopped(chaincode: Chaincode, *, options: argparse.Namespace) -> None:
    """Serve a contract; prints one line, "serving …", when it listens."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with serve(
        chaincode,
        package_id=options.package_id,
        address=options.address,
        tls=_tls(options),
        workers=options.workers,
    ) as server:
        print(f"serving {options.package_id} at {server.address}", flush=True)
        await stopped.wait()


def _tls(options: argparse.Namespace) -> ServerTls | None:
    if options.tls_certificate is None and options.tls_key is None and options.client_ca is None:
        return None
    if options.tls_certificate is None or options.tls_key is None:
        raise ValueError("TLS needs both --tls-certificate and --tls-key")
    return ServerTls(
        certificate=options.tls_certificate.read_bytes(),
        key=options.tls_key.read_bytes(),
        client_ca=None if options.client_ca is None else options.client_ca.read_bytes(),
    )


def _parser(environment: Mapping[str, str], *, names_contract: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m aiofabric.chaincode" if names_contract else None,
        description="Serve a contract to Fabric peers (chaincode as a service), until SIGTERM.",
        epilog="Instead of options: " + ", ".join(_VARIABLES.values()) + " in the environment.",
    )
    if names_contract:
        parser.add_argument("contract", metavar="MODULE:ATTRIBUTE", help="a function that takes a stub")
    parser.add_argument("--package-id", metavar="LABEL:HASH", help="of the installed package")
    parser.add_argument("--address", metavar="HOST:PORT", help="where to listen")
    parser.add_argument("--tls-certificate", metavar="PEM", type=Path, help="the server's certificate: serves with TLS")
    parser.add_argument("--tls-key", metavar="PEM", type=Path, help="its private key")
    parser.add_argument("--client-ca", metavar="PEM", type=Path, help="whom peers' own certificates must come from")
    parser.add_argument("--workers", metavar="N", type=int, default=WORKERS, help="transactions at once (%(default)s)")
    for destination, variable in _VARIABLES.items():
        value = environment.get(variable)
        if value and destination in ("package_id", "address"):
            parser.set_defaults(**{destination: value})
        elif value:
            parser.set_defaults(**{destination: Path(value)})
    return parser
