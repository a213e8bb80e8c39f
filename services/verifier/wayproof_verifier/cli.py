"""`wayproof-verify`: check an evidence file offline and say what holds."""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from wayproof_verifier.errors import VerificationError
from wayproof_verifier.options import Options
from wayproof_verifier.render import render_json, render_text
from wayproof_verifier.report import Exit
from wayproof_verifier.trust import TrustRoot
from wayproof_verifier.verify import verify

PROGRESS_S = 1
"""Seconds between two tellings of progress."""

_DESCRIPTION = """\
Check the evidence of one shipment offline: who had it, every message, nothing missing, nothing changed.

The trust root names the channel (by the hash of its genesis block), the contract and the organisations that
may count. Get it from someone you trust, never together with the file."""

_EPILOG = """\
examples:
  wayproof-verify shipment.jsonl --trust-root trust.json
  wayproof-verify shipment.jsonl --trust-root trust.json --receipts receipts.jsonl --require-closed
  xz -dc shipment.jsonl.xz | wayproof-verify - --trust-root trust.json --json

exit status:
  0  verified: every check passed
  1  a check failed: do not rely on the file
  2  a required check was impossible (an unreadable file or trust root included)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        trust = TrustRoot.decode(Path(options.trust_root).read_bytes())
        with _opened(options.file) as evidence, _opened_receipts(options.receipts) as receipts:
            report = verify(
                evidence,
                trust=trust,
                options=Options(
                    min_height=options.min_height,
                    require_closed=options.require_closed,
                    at_ms=time.time_ns() // 1_000_000,
                ),
                receipts=receipts,
                progress=_Progress() if sys.stderr.isatty() else None,
            )
    except VerificationError as error:
        print(f"wayproof-verify: {error}", file=sys.stderr)
        return int(Exit.IMPOSSIBLE)
    except OSError as error:
        print(f"wayproof-verify: cannot read {error.filename or 'the input'}: {error.strerror}", file=sys.stderr)
        return int(Exit.IMPOSSIBLE)
    if options.json:
        print(render_json(report))
    else:
        print(render_text(report, colour=sys.stdout.isatty()), end="")
    return int(report.exit_status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="wayproof-verify",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the evidence file; - reads standard input")
    parser.add_argument("--trust-root", metavar="TRUST", required=True, help="the trust root, obtained elsewhere")
    parser.add_argument("--receipts", metavar="FILE", help='receipts kept by a device, one {"receipt": base64} a line')
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--min-height", metavar="N", type=int, help="require evidence as of block N or later")
    parser.add_argument("--require-closed", action="store_true", help="require that the shipment is closed")
    return parser


class _Nothing:
    """Stands in for a file that was not asked for."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _opened(name: str) -> BinaryIO:
    """Open a file that can be read twice: what cannot be is copied to a temporary file first."""
    source = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115 - closed by the caller's with
    if source.seekable():
        return source
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller's with
    with source:
        shutil.copyfileobj(source, copy, 1 << 20)
    copy.seek(0)
    return copy


def _opened_receipts(name: str | None) -> BinaryIO | _Nothing:
    return _opened(name) if name is not None else _Nothing()


class _Progress:
    """Tells a person on a terminal now and then how far the messages are."""

    def __init__(self) -> None:
        self._next = time.monotonic() + PROGRESS_S

    def __call__(self, messages: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PROGRESS_S
            print(f"\r{messages:,} messages", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
