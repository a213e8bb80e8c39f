"""The database's roles and grants, brought to what `wayproof.store.roles` says. Only `schema apply` does it."""

from collections.abc import Iterable, Mapping, Sequence

from psycopg import errors, sql

from wayproof.store import queries
from wayproof.store.connection import Connection
from wayproof.store.errors import SchemaError, store_errors
from wayproof.store.roles import ROLES, Privilege, Role

QUERIES = queries.load("privileges")

Held = tuple[str, Privilege]
"""A role as the database calls it, and a right of it."""


def make_roles(connection: Connection) -> None:
    """Make the roles that are missing. Outside a transaction: the roles are the whole server's.

    Raises SchemaError (roles_missing) where this login may not make them; it says what a superuser has to run.
    """
    for role in _missing(connection):
        try:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role.group)))
        except (errors.DuplicateObject, errors.UniqueViolation):
            continue  # another database of this server is brought up to date at the same time
        except errors.InsufficientPrivilege as error:
            statements = " ".join(f"CREATE ROLE {it.group} NOLOGIN;" for it in _missing(connection))
            raise SchemaError(
                f"this login may not make roles; as superuser run: {statements}", code="roles_missing"
            ) from error


def grant(connection: Connection) -> Sequence[str]:
    """Bring what the roles may do to what the table says; return what was granted and revoked, none if all was so."""
    with store_errors(), connection.transaction():
        wanted, held = set(_wanted()), granted(connection)
        kinds = {str(row["name"]): str(row["kind"]) for row in connection.execute(QUERIES["kinds"])}
        statements = [
            *(_statement("REVOKE {} ON {} {} FROM {}", it, kinds) for it in sorted(held - wanted)),
            *(_statement("GRANT {} ON {} {} TO {}", it, kinds) for it in sorted(wanted - held)),
        ]
        for statement in statements:
            connection.execute(statement)
        for role in ROLES:
            if role.temporary:
                _let_make_temporary_tables(connection, role)
        return [statement.as_string(connection) for statement in statements]


def granted(connection: Connection) -> set[Held]:
    """Return every right that the roles have in this database."""
    names = [role.group for role in ROLES]
    return {
        (str(row["role"]), Privilege(str(row["name"]), str(row["verb"]), str(row["column_name"])))
        for row in connection.execute(QUERIES["granted"], {"names": names})
    }


def belong_to(connection: Connection, organisation: str) -> None:
    """Note whose database this is (MSP id). Raises SchemaError (database_of_another) if it is another's."""
    with store_errors(), connection.transaction():
        connection.execute(QUERIES["belong"], {"organisation": organisation})
        row = connection.execute(QUERIES["organisation"]).fetchone()
    if row is None or row["organisation"] != organisation:
        raise SchemaError(
            f"this database is {row and row['organisation']}'s, and the settings are {organisation}'s: name its own "
            "database in [database]",
            code="database_of_another",
        )


def _wanted() -> Iterable[Held]:
    return ((role.group, privilege) for role in ROLES for privilege in role.privileges())


def _missing(connection: Connection) -> Sequence[Role]:
    with store_errors():
        rows = connection.execute(QUERIES["roles"], {"names": [role.group for role in ROLES]})
        there = {row["name"] for row in rows}
    return [role for role in ROLES if role.group not in there]


def _statement(form: str, held: Held, kinds: Mapping[str, str]) -> sql.Composed:
    group, right = held
    verb = sql.SQL(right.verb)  # of our own table or the database's, never anybody's words
    what = sql.SQL("{} ({})").format(verb, sql.Identifier(right.column)) if right.column else verb
    kind = {"S": sql.SQL("SEQUENCE"), "f": sql.SQL("FUNCTION")}.get(kinds.get(right.table, ""), sql.SQL("TABLE"))
    return sql.SQL(form).format(what, kind, sql.Identifier("public", right.table), sql.Identifier(group))


def _let_make_temporary_tables(connection: Connection, role: Role) -> None:
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, sql.Identifier(role.group)))
