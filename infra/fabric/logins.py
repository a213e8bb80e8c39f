"""Each process's login in its organisation's database, made before that database is.

A folder for each role holds its password and is mounted by the services of that role alone. The database is told what
it needs to check passwords (SCRAM verifiers, RFC 5803), never a password.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

from aiofabric.network.files import PRIVATE, write_new
from wayproof.store.connection import SUFFIX
from wayproof.store.logins import Login
from wayproof.store.roles import OWNER, PREFIX, TAKEN_BY_COMMANDS

DATABASE = "wayproof"
WITHOUT_A_LOG = (OWNER, "projection", "api", "audit")
"""Roles of an organisation that has no devices."""
FOLDER, STATEMENTS = "logins", "logins.sql"
ITERATIONS = 4096
"""PostgreSQL's own. Passwords are 192 random bits: more rounds would not make them harder to guess."""


def roles(*, keeps_log: bool) -> tuple[str, ...]:
    """Return the roles that an organisation's services take."""
    return TAKEN_BY_COMMANDS if keeps_log else WITHOUT_A_LOG


def user(organisation: str, role: str) -> str:
    """Return the name of a login; the owner's is everywhere the same."""
    return f"{PREFIX}{OWNER}" if role == OWNER else f"{organisation}_{role}"


def write(home: Path, *, organisation: str, keeps_log: bool) -> None:
    """Write `logins/ROLE/ROLE.conninfo` with new passwords, and `database/logins.sql`. Raises FileExistsError."""
    made = [
        Login(role, user=user(organisation, role), password=secrets.token_urlsafe(24))
        for role in roles(keeps_log=keeps_log)
    ]
    for login in made:
        write_new(home / FOLDER / login.role / f"{login.role}{SUFFIX}", login.conninfo.encode(), mode=PRIVATE)
    write_new(home / "database" / STATEMENTS, statements(made).encode())


def statements(logins: Iterable[Login]) -> str:
    """Return the SQL that makes logins, for a superuser: names are ours, so nothing needs quoting."""
    lines = []
    for login in logins:
        group = "" if login.role == OWNER else f" IN ROLE {PREFIX}{login.role}"
        lines.append(f"CREATE ROLE {login.user} LOGIN PASSWORD '{_verifier(login.password)}'{group};")
        lines.append(f"GRANT CONNECT ON DATABASE {DATABASE} TO {login.user};")
    return "\n".join(lines) + "\n"


def _verifier(password: str) -> str:
    """Return what PostgreSQL keeps of an ASCII password (RFC 5802, 3)."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_base64(salt)}${_base64(stored)}:{_base64(server)}"


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
