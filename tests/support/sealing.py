"""Seals what waits, a step a second, as the anchor process does: for benchmarks, where there is no ledger.

python -m support.sealing DSN
"""

import sys
import time

from pydantic import SecretStr

from wayproof.anchor.sealing import STEP, seal_step
from wayproof.settings import DatabaseSettings
from wayproof.store.connection import connect

INTERVAL_S = 1.0


def main() -> None:
    """Seal until killed."""
    with connect(DatabaseSettings(dsn=SecretStr(sys.argv[1])), application="anchor") as connection:
        while True:
            while seal_step(connection) == STEP:
                pass
            time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
