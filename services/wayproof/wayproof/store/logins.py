"""Logins: who may connect to one database, and as which role. Made by whoever may, a superuser as a rule."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from wayproof.store import privileges, queries
from wayproof.store.connection import SUFFIX, Connection
from wayproof.store.errors import LoginMissing, store_errors
from wayproof.store.roles import OWNER, PREFIX

QUERIES = queries.load("privileges")


@dataclass(frozen=True, slots=True)
class Login:
    """A login for a role: its name in the database and its password."""

    role: str
    user: str
    password: str = field(repr=False)

    @property
    def conninfo(self) -> str:
        """What libpq needs of it, as it stands in the role's file: a secret."""
        return make_conninfo(user=self.user, password=self.password)


def read_login(folder: Path, role: str) -> Login:
    """Return the login of a role from its file. Raises LoginMissing."""
    path = folder / f"{role}{SUFFIX}"
    try:
        found = conninfo_to_dict(path.read_text("utf-8"))
    except OSError as error:
        raise LoginMissing(f"{path} cannot be read: {error.strerror}") from error
    if not (found.get("user") and found.get("password")):
        raise LoginMissing(f"{path} must say user=… password=…")
    return Login(role, user=str(found["user"]), password=str(found["password"]))


def admit_logins(connection: Connection, logins: Sequence[Login]) -> None:
    """Make logins unless they are there, give them these passwords, and let nobody else connect to the database.

    The owner's login owns the database, each other one is a member of its role. As superuser, outside a transaction.
    """
    privileges.make_roles(connection)
    database = sql.Identifier(connection.info.dbname)
    with store_errors(), connection.transaction():
        rows = connection.execute(QUERIES["roles"], {"names": [it.user for it in logins]})
        there = {row["name"] for row in rows}
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for login in logins:
            user = sql.Identifier(login.user)
            if login.user not in there:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(user))
            verifier = _scram(connection, login)
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(verifier)))
            if login.role == OWNER:
                connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, user))
            else:
                connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(PREFIX + login.role), user))
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, user))


def _scram(connection: Connection, login: Login) -> str:
    """Return what the server keeps of a password: the password itself is never sent, so no log can hold it."""
    password, user = login.password.encode(), login.user.encode()
    return connection.pgconn.encrypt_password(password, user, b"scram-sha-256").decode("ascii")
