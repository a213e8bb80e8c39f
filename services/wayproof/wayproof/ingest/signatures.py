"""Signatures of a group, verified on a few threads: OpenSSL works while Python does something else."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from wayproof_verifier.telemetry import PublicKey

ONE_TASK = 32
"""Signatures that one task verifies: about two milliseconds."""


class Claim(NamedTuple):
    """A signature of 64 bytes over `signed`, as the device with this key should have made it."""

    key: PublicKey
    signature: bytes
    signed: bytes


class Verifiers:
    """A small pool of threads."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="verifier") if threads > 1 else None

    def verify(self, claims: Sequence[Claim]) -> list[bool]:
        """Return for each claim whether it holds."""
        if self._pool is None or len(claims) <= ONE_TASK:
            return _verify(claims)
        parts = [claims[start : start + ONE_TASK] for start in range(0, len(claims), ONE_TASK)]
        return [it for part in self._pool.map(_verify, parts) for it in part]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


def _verify(claims: Sequence[Claim]) -> list[bool]:
    return [it.key.is_valid(it.signature, signed=it.signed) for it in claims]
