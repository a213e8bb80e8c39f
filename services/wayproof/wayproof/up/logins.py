"""A deployment's logins in its database: one for each role, its password in a file of its own."""

import secrets
from pathlib import Path

from pydantic import SecretStr

from wayproof.settings import DatabaseSettings
from wayproof.store.connection import SUFFIX, connect
from wayproof.store.logins import Login, admit_logins, read_login
from wayproof.store.roles import OWNER, PREFIX, TAKEN_BY_COMMANDS

FOLDER = "logins"


def generate(folder: Path, *, database: str) -> None:
    """Write the files of an organisation's logins, with new passwords, in a folder that has none."""
    directory = folder / FOLDER
    directory.mkdir(mode=0o700)
    for role in TAKEN_BY_COMMANDS:
        _write(directory / f"{role}{SUFFIX}", Login(role, user(database, role), secrets.token_urlsafe(24)))


def user(database: str, role: str) -> str:
    """Return the name of a database's login for a role."""
    return f"{database.removeprefix(PREFIX)}_{role}"


def admit(folder: Path, *, superuser: str) -> None:
    """Make the logins of an organisation's folder in its running database, with the passwords that its files have now.

    A role that is newer than the folder gets a file in it. A deployment that was made without such files is left alone.
    Raises StoreError.
    """
    directory = folder / FOLDER
    if not directory.is_dir():
        return
    deployment = read_login(directory, OWNER).user.removesuffix(OWNER)
    for role in TAKEN_BY_COMMANDS:
        path = directory / f"{role}{SUFFIX}"
        if not path.exists():
            _write(path, Login(role, deployment + role, secrets.token_urlsafe(24)))
    logins = [read_login(directory, role) for role in TAKEN_BY_COMMANDS]
    with connect(DatabaseSettings(dsn=SecretStr(superuser)), application="up") as connection:
        admit_logins(connection, logins)


def _write(path: Path, login: Login) -> None:
    path.touch(0o600)
    path.write_text(login.conninfo, "utf-8")
