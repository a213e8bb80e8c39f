"""`wayproof` with another deadline for requests to its API: `python hasty_api.py SECONDS api --settings FILE`."""

import sys
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # run as a program: `platform` there would pass for Python's own

from wayproof.api import deadline
from wayproof.cli import main

if __name__ == "__main__":
    setattr(deadline, "REQUEST_WITHIN_S", float(sys.argv.pop(1)))  # noqa: B010 - a constant, which is not to be assigned
    sys.exit(main())
