"""How real gateways refused (`tests/fixtures/fabric/errors`), a situation of `support.gateway_situations` each."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from support.gateway_situations import Failure

FOLDER = Path(__file__).parents[1] / "fixtures" / "fabric" / "errors"


def write(consensus: str, failures: Mapping[str, Failure], *, made_with: str) -> Path:
    """Write the failures on one kind of ordering; what was there is replaced."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{consensus}.json"
    situations = {name: failure.document() for name, failure in failures.items()}
    path.write_text(json.dumps({"made_with": made_with, "situations": situations}, indent=1) + "\n")
    return path


def read(consensus: str) -> dict[str, Failure]:
    """Read the failures on one kind of ordering."""
    document = json.loads((FOLDER / f"{consensus}.json").read_text())
    return {name: Failure.of(failure) for name, failure in document["situations"].items()}


def without_names(text: str) -> str:
    """Leave out what is another one each time: transaction ids, serial numbers, addresses, times."""
    for pattern, instead in _NAMES.items():
        text = re.sub(pattern, instead, text)
    return text


_NAMES = {
    r"[0-9a-f]{64}": "TRANSACTION",
    r"127\.0\.0\.1:\d+": "ADDRESS",
    r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z| [+-]\d{4} UTC)?( m=\S+)?": "TIME",
    r"SN: \d+": "SERIAL",
}
