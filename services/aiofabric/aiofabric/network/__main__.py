"""Entry point of ``python -m aiofabric.network``."""

import sys

from aiofabric.network.cli import main

sys.exit(main())
