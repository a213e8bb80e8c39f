"""How a cluster comes to be: a folder of our own, a password, PostgreSQL's initdb, and a rename when all is there."""

import os
import secrets
import shutil
from pathlib import Path

from wayproof.database.account import Account, account_for_new_data
from wayproof.database.errors import DatabaseError
from wayproof.database.programs import failure, program, run

SUPERUSER = "wayproof"


def create(*, data: Path, password_file: Path) -> None:
    """Make a cluster's data folder, and its superuser's password beside it, in a folder that is absent or empty.

    A kill on the way leaves only what the next call replaces. Raises DatabaseError (database_directory_occupied,
    database_account, database_not_installed, database_failed).
    """
    folder, unfinished = data.parent, data.with_name("data.unfinished")
    _require_room(folder, own={unfinished, password_file})
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(unfinished, ignore_errors=True)
    password_file.unlink(missing_ok=True)

    account = account_for_new_data()
    account.require_programs(reaching=(unfinished, program("initdb")))
    unfinished.mkdir(mode=0o700)
    os.chown(unfinished, account.uid, account.gid)
    _write_secret(password_file, secrets.token_urlsafe(24))
    os.chown(password_file, account.uid, account.gid)  # initdb reads it ...
    _initdb(unfinished, account=account, password_file=password_file)
    os.chown(password_file, os.geteuid(), os.getegid())  # ... and the server must not
    unfinished.rename(data)


def _require_room(folder: Path, *, own: set[Path]) -> None:
    occupied = set(folder.iterdir()) - own if folder.is_dir() else folder.exists()
    if occupied:
        raise DatabaseError(
            f"{folder} is not empty: name a folder that is absent or empty for a new cluster",
            code="database_directory_occupied",
        )


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)  # initdb makes sure of its own files, and is worth nothing without this one


def _initdb(data: Path, *, account: Account, password_file: Path) -> None:
    initdb = program("initdb")
    command = [
        str(initdb),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        "--auth-local=reject",
        "--auth-host=scram-sha-256",
        "--no-instructions",
    ]
    made = run(account.command_for(command, reaching=(data, initdb)), environment={})
    if made.returncode != 0:
        raise failure("initdb", made)
