"""What runs in a deployment, and in which order it comes up."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from wayproof.up import brokers, ledgers, logins
from wayproof.up.ledgers import Kind
from wayproof.up.provision import Deployment, Member, database_name
from wayproof.up.supervisor import Service, Supervisor

Say = Callable[[str], None]

STAND_INS: Mapping[Kind, str] = MappingProxyType(
    {
        "embedded": "This deployment's broker and ledger are stand-ins on one machine: the ledger holds the keys of "
        "all organisations, so its endorsements prove nothing between them; the broker's sessions end with it.",
        "fabric": "This deployment's ledger is Hyperledger Fabric, with the peers, orderers and keys of all "
        "organisations on one machine, so its endorsements prove nothing between them yet; the broker is a stand-in "
        "whose sessions end with it.",
    }
)
"""What must be said of a deployment with the embedded broker before anybody relies on it."""

WITH_MOSQUITTO: Mapping[Kind, str] = MappingProxyType(
    {
        "embedded": "This deployment's ledger is a stand-in on one machine: it holds the keys of all organisations, so "
        "its endorsements prove nothing between them. Its broker is Mosquitto, with authorities made here.",
        "fabric": "This deployment's ledger is Hyperledger Fabric, with the peers, orderers and keys of all "
        "organisations on one machine, so its endorsements prove nothing between them yet. Its broker is Mosquitto, "
        "with authorities made here.",
    }
)
"""The same of one with Mosquitto."""


@asynccontextmanager
async def running(deployment: Deployment, *, say: Say, pages: bool = True) -> AsyncIterator[Supervisor]:
    """Run everything, with the organisations' pages or without, and yield the supervisor once it is up.

    Raises ServiceError.
    """
    async with Supervisor(logs=deployment.directory / "logs") as supervisor:
        say("database, broker, ledger")
        await supervisor.start(database(deployment), broker(deployment), ledger(deployment))
        await asyncio.gather(*[_database_of(deployment, member, supervisor) for member in deployment.members])
        say("projections, logs")
        await supervisor.start(*[worker("projection", deployment, member) for member in deployment.members])
        for member in deployment.members:
            if member.keeps_log:
                step = _command("log", "register", *_settings(deployment, member))
                await supervisor.run_once(_name("log", member), step)
        say("ingest, anchor, monitor, pages")
        verbs = [(member, verb) for member in deployment.members for verb in _verbs(deployment, member, pages=pages)]
        await supervisor.start(*[worker(verb, deployment, member) for member, verb in verbs])
        yield supervisor


async def _database_of(deployment: Deployment, member: Member, supervisor: Supervisor) -> None:
    """Make an organisation's database and its logins unless they are there, and bring its tables to this version."""
    await asyncio.to_thread(deployment.cluster.create_database, database_name(member))
    await asyncio.to_thread(
        logins.admit, deployment.settings(member.msp_id).parent, superuser=deployment.cluster.dsn(database_name(member))
    )
    await supervisor.run_once(_name("schema", member), _command("schema", "apply", *_settings(deployment, member)))


def database(deployment: Deployment) -> Service:
    """Return PostgreSQL: SIGINT ends it in order, with its clients still connected."""
    return Service(
        "database",
        deployment.cluster.command(ends_with_parent=True),
        port=deployment.database_port,
        prepare=deployment.cluster.prepare,
        ready=deployment.cluster.is_ready,
        stop_signal=signal.SIGINT,
    )


def broker(deployment: Deployment) -> Service:
    """Return the MQTT broker."""
    keeper = next((member for member in deployment.members if member.keeps_log), deployment.members[0])
    served = brokers.program(
        deployment.broker_kind,
        deployment.broker_directory,
        authorities=deployment.settings(keeper.msp_id).parent,
        devices_port=deployment.broker_port,
        services_port=deployment.broker_services_port,
    )
    return Service("broker", served.command, port=deployment.broker_port, prepare=served.prepare)


def ledger(deployment: Deployment) -> Service:
    """Return what serves the ledger: one process, or the one that keeps a whole network of Fabric up."""
    served = ledgers.program(deployment.ledger_kind, deployment.ledger_directory, port=deployment.ledger_port)
    return Service("ledger", served.command, port=served.port, prepare=served.prepare, ready=served.ready)


def worker(verb: str, deployment: Deployment, member: Member) -> Service:
    """Return one of an organisation's processes; the API is ready when its port is open."""
    port = deployment.api_port(member.msp_id) if verb == "api" else None
    words = {"gate": ("device", "gate"), "maintain": ("store", "maintain")}.get(verb, (verb,))
    return Service(_name(verb, member), _command(*words, *_settings(deployment, member)), port=port)


def _verbs(deployment: Deployment, member: Member, *, pages: bool) -> list[str]:
    log_keepers = ["ingest", "anchor", "monitor", "plausibility", "maintain"] if member.keeps_log else []
    gate = ["gate"] if member.keeps_log and deployment.broker_kind == "mosquitto" else []
    return log_keepers + gate + (["api"] if pages else [])


def _command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "wayproof", *arguments)


def _settings(deployment: Deployment, member: Member) -> tuple[str, str]:
    return ("--settings", str(deployment.settings(member.msp_id)))


def _name(verb: str, member: Member) -> str:
    return f"{verb}-{member.msp_id}"
