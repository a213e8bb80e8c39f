"""The external builder: three programs that let a peer take a package of type ``ccaas`` without Docker.

A peer calls ``detect SOURCE METADATA``, ``build SOURCE METADATA OUTPUT`` and ``release OUTPUT RELEASE``. When release
has put a ``chaincode/server/connection.json``, the peer connects to that address instead of starting anything.
"""

from pathlib import Path

from aiofabric.network.files import EXECUTABLE, write_new

NAME = "aiofabric-ccaas"
"""Peers note it with each build: a chaincode cannot be started any more once this name is gone from core.yaml."""

_SCRIPTS = {
    "detect": """\
# Takes chaincode as a service; a peer offers every package to every builder.
grep -q '"type" *: *"ccaas"' "$2/metadata.json"
""",
    "build": """\
# There is nothing to compile: the address is all that is needed.
cp "$1/connection.json" "$3/connection.json"
""",
    "release": """\
mkdir -p "$2/chaincode/server"
cp "$1/connection.json" "$2/chaincode/server/connection.json"
""",
}


def write_builder(folder: Path) -> None:
    """Write the programs below a new folder, in ``bin/``, where core.yaml's ``externalBuilders`` expects them."""
    for name, script in _SCRIPTS.items():
        path = folder / "bin" / name
        write_new(path, f"#!/bin/sh\nset -e\n{script}".encode(), mode=EXECUTABLE)
        path.chmod(EXECUTABLE)  # whatever the umask says
