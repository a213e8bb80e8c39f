"""The roles of a database in a container: the script that its image runs at the first start, run on any cluster."""

import os
import re
import shutil
from pathlib import Path

from support.dockerfile import run_checked
from wayproof.database import Cluster
from wayproof.database.programs import program

ROOT = Path(__file__).parents[2]


def make_roles(cluster: Cluster, *, database: str, secrets: Path, logins: Path, organisation: str) -> None:
    """Run what the database's image would run at its first start, with the folder of its `logins.sql`."""
    seen = cluster.directory / "secrets"
    seen.mkdir()
    shutil.copy(secrets / f"{organisation}_database_reader", seen / "database_reader")
    dsn = cluster.dsn("postgres")
    found = re.fullmatch(r"postgresql://(?P<user>[^:]+):(?P<password>[^@]+)@(?P<host>[^:]+):(?P<port>\d+)/.*", dsn)
    if found is None:
        raise AssertionError("the cluster's DSN has another form")
    environment = {
        "PATH": f"{program('psql').parent}:{os.environ['PATH']}",
        "PGHOST": found["host"],
        "PGPORT": found["port"],
        "PGPASSWORD": found["password"],
        "POSTGRES_USER": found["user"],
        "POSTGRES_DB": database,
        "SECRETS_DIRECTORY": str(seen),
        "LOGINS_DIRECTORY": str(logins),
    }
    run_checked(["sh", str(ROOT / "infra/timescaledb/010_roles.sh")], cwd=ROOT, environment=environment)
