"""`wayproof schema`: the only command that makes or changes tables."""

import argparse
import logging

from wayproof.cli.worker import add_settings, begin
from wayproof.store import privileges, schema, storage
from wayproof.store.connection import connect_patiently
from wayproof.store.roles import OWNER

logger = logging.getLogger(__name__)

DATABASE_WITHIN_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    apply = verbs.add_parser("apply", help="bring the tables to this version; what is there already is left alone")
    add_settings(apply)
    apply.set_defaults(run=_apply)
    status = verbs.add_parser("status", help="say whether the tables are those of this version")
    add_settings(status)
    status.set_defaults(run=_status)


def _apply(options: argparse.Namespace) -> int:
    read = begin(options, process="schema")
    with connect_patiently(read.database, application="schema", role=OWNER, within_s=DATABASE_WITHIN_S) as connection:
        done = schema.apply(connection, timescaledb=read.database.timescaledb)
        privileges.belong_to(connection, read.organisation)
        stored = storage.storage(connection)
    logger.info(
        "readings", extra={"stored_as": stored.kind if stored else "", "reason": stored.reason if stored else ""}
    )
    print(f"applied: {', '.join(done)}" if done else "nothing to do: the tables are those of this version")
    print(stored)
    return 0


def _status(options: argparse.Namespace) -> int:
    read = begin(options, process="schema")
    with connect_patiently(read.database, application="schema", role=OWNER, within_s=1.0) as connection:
        schema.require_current(connection)
        stored = storage.storage(connection)
    print("the tables are those of this version")
    print(stored)
    return 0
