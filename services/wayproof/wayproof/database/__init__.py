"""The embedded PostgreSQL: a cluster of our own out of a Python package, for one machine and without an administrator.

`Cluster` makes it, starts it and makes databases in it. Only the package's programs are used, never its Python code,
which changes modes of parent folders when it runs as root. A DSN of any other PostgreSQL replaces all of this.
"""

from wayproof.database.cluster import Cluster
from wayproof.database.errors import DatabaseError

__all__ = ["Cluster", "DatabaseError"]
