"""SoftHSM for tests: a token of its own in a folder, and where the library is."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
LIBRARY = next((path for path in LIBRARIES if Path(path).exists()), None)
REASON = "SoftHSM is not installed (Debian, Ubuntu: apt install softhsm2)"
IS_MISSING = LIBRARY is None or shutil.which("softhsm2-util") is None

PIN = "1234"
LABEL = "fabric"
SETTING = "SOFTHSM2_CONF"


@dataclass(frozen=True, slots=True)
class SoftToken:
    """An initialised token, empty: the library that opens it, and the environment in which the library finds it."""

    library: str
    configuration: Path

    @property
    def environment(self) -> dict[str, str]:
        return {SETTING: str(self.configuration)}


@contextmanager
def soft_token(directory: Path) -> Iterator[SoftToken]:
    """Make a token in a folder; for as long as the block lasts this process and its children find it.

    A process has one: the library reads the setting when it is loaded, and unloading it under objects that are still
    referred to (by a traceback, say) crashes.
    """
    if LIBRARY is None:
        raise RuntimeError(REASON)
    tokens = directory / "tokens"
    tokens.mkdir(parents=True)
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    token = SoftToken(LIBRARY, configuration)
    before = os.environ.get(SETTING)
    os.environ.update(token.environment)
    try:
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "5678"],
            check=True,
            capture_output=True,
        )
        yield token
    finally:
        os.environ.pop(SETTING)
        if before is not None:
            os.environ[SETTING] = before
