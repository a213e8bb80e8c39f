"""Named SQL, one file for each aggregate: `-- name: NAME`, a line that says what it does, the statement.

QUERIES = queries.load("messages")
connection.execute(QUERIES["insert_messages"], parameters)
"""

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import LiteralString, cast

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(aggregate: str) -> Mapping[str, LiteralString]:
    """Return the statements of `AGGREGATE.sql` by name. They are part of this package: literal, never composed."""
    text = resources.files(__name__).joinpath(f"{aggregate}.sql").read_text("utf-8")
    _, *parts = _NAME.split(text)
    statements = dict(zip(parts[::2], parts[1::2], strict=True))
    if len(statements) != len(parts) // 2:
        raise ValueError(f"{aggregate}.sql has a name twice")
    return MappingProxyType({name: cast("LiteralString", sql.strip()) for name, sql in statements.items()})
