"""Entry point of ``python -m aiofabric.chaincode``."""

import sys

from aiofabric.chaincode.cli import main

sys.exit(main())
