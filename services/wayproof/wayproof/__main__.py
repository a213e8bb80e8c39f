"""`python -m wayproof`: the same as the `wayproof` command."""

import sys

from wayproof.cli import main

if __name__ == "__main__":
    sys.exit(main())
