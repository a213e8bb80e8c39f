"""`wayproof up`: run everything of a deployment, until interrupted."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from wayproof import observability
from wayproof.up import provision, services
from wayproof.up.provision import Deployment


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("directory", type=Path, help="folder made by `wayproof init`")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    deployment = provision.read(options.directory)
    observability.configure(process="up")
    warnings = services.STAND_INS if deployment.broker_kind == "amqtt" else services.WITH_MOSQUITTO
    print(warnings[deployment.ledger_kind], file=sys.stderr)
    asyncio.run(_serve(deployment))
    return 0


async def _serve(deployment: Deployment) -> None:
    stopped = asyncio.Event()
    for interruption in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(interruption, stopped.set)
    async with services.running(deployment, say=lambda text: print(f"starting: {text}", flush=True)):
        for member in deployment.members:
            print(f"{member.msp_id:14} http://127.0.0.1:{deployment.api_port(member.msp_id)}")
        print(f"devices publish to 127.0.0.1:{deployment.broker_port}; Ctrl-C ends everything", flush=True)
        await stopped.wait()
