"""The broker of a deployment: the embedded stand-in, or Mosquitto with certificates, where it is installed.

Mosquitto serves one organisation, whose folder holds the authorities. As root it stays root: the deployment's folder is
root's own, and a server for other machines is set up by hand (docs/guides/brokers.md).
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from wayproof.enrolment import folder as folders
from wayproof.enrolment.certificate import now_utc
from wayproof.enrolment.errors import EnrolmentError
from wayproof.enrolment.folder import Folder
from wayproof.enrolment.mosquitto import Listeners, Places, configuration

Kind = Literal["amqtt", "mosquitto"]
HOST = "127.0.0.1"
ENROLMENT = "enrolment"
"""In the organisation's folder."""
PID_FILE = "data/mosquitto.pid"
"""In the broker's folder."""


@dataclass(frozen=True, slots=True)
class Program:
    """What serves devices: the command, and what is done before each start."""

    command: tuple[str, ...]
    prepare: Callable[[], None] | None = None


def find_mosquitto() -> str:
    """Return the path of Mosquitto. Raises EnrolmentError where it is not installed."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise EnrolmentError(
            "Mosquitto is not on this machine (Debian, Ubuntu: apt install mosquitto)", code="broker_missing"
        )
    return found


def make_authorities(directory: Path, *, organisation: str) -> None:
    """Make the authorities of an organisation whose folder this is, for a broker on this machine."""
    find_mosquitto()
    folders.complete(Folder.at(directory / ENROLMENT), organisation=organisation, hosts=[HOST], now=now_utc())


def program(kind: Kind, directory: Path, *, authorities: Path, devices_port: int, services_port: int) -> Program:
    """Return what serves devices; `directory` is the broker's own folder, `authorities` the organisation's."""
    if kind == "amqtt":
        return Program((sys.executable, "-m", "wayproof", "broker", "--port", str(devices_port)))
    listeners = Listeners(devices_port, services_port, devices_address=HOST, services_address=HOST)
    prepare = partial(_write_configuration, directory, Folder.at(authorities / ENROLMENT), listeners=listeners)
    return Program((find_mosquitto(), "-c", str(directory / "mosquitto.conf")), prepare)


def _write_configuration(directory: Path, folder: Folder, *, listeners: Listeners) -> None:
    """Write `mosquitto.conf` for where the deployment is now."""
    (directory / PID_FILE).parent.mkdir(parents=True, exist_ok=True)
    places = Places(files=str(folder.broker), data=str((directory / PID_FILE).parent))
    user = "\nuser root\n" if os.geteuid() == 0 else ""
    (directory / "mosquitto.conf").write_text(configuration(listeners, places) + user, "utf-8")
