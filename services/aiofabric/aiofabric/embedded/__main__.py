"""Entry point of ``python -m aiofabric.embedded``."""

import sys

from aiofabric.embedded.cli import main

sys.exit(main())
