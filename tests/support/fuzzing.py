"""What the fuzzers and the hypothesis tests of parsers have in common: bounds on work and memory, seeds.

Bounds are counted, not timed: a slow machine changes nothing, and an input that breaks one breaks it each time.
"""

import sys
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

CALLS_PER_BYTE, CALLS = 60, 20_000
"""Calls of functions, Python's and C's, that one input may take."""
BYTES_PER_BYTE, BYTES = 64, 4 << 20
"""Memory that it may take at once: Python's objects are large, and some of it is code that is loaded late."""
MEASURED_OF = 64
"""Of so many inputs one is measured, chosen by its bytes: measuring costs more than parsing."""

OneInput = Callable[[bytes], object]


class UnboundedError(AssertionError):
    """An input took more than its length allows."""


def within_bounds(parse: OneInput, data: bytes) -> None:
    """Parse one input. Raises UnboundedError as soon as it takes more calls, or if it took more memory."""
    left = CALLS + CALLS_PER_BYTE * len(data)

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal left
        left -= event in {"call", "c_call"}
        if left < 0:
            raise UnboundedError(f"an input of {len(data)} bytes takes more calls than {CALLS_PER_BYTE} a byte")

    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    profile = sys.getprofile()
    sys.setprofile(count)
    try:
        parse(data)
    finally:
        sys.setprofile(profile)
        _, peak = tracemalloc.get_traced_memory()
        if not was_tracing:
            tracemalloc.stop()
    if peak - before > BYTES + BYTES_PER_BYTE * len(data):
        raise UnboundedError(f"an input of {len(data)} bytes takes {peak - before} bytes of memory")


def fuzz(parse: OneInput, *, seeds: Iterable[bytes] = (), is_bounded: bool = True) -> None:
    """Fuzz with atheris until libFuzzer's limits (`-runs`, `-max_total_time`) are reached; never returns.

    What the command line names as folders is the corpus; the seeds come on top. `is_bounded` is for parsers of one
    small thing: some of their inputs are held to the bounds above.
    """
    import atheris  # noqa: PLC0415 - has no wheel for some platforms, where the bounds are still of use

    def one_input(data: bytes) -> None:
        if not is_bounded or zlib.crc32(data) % MEASURED_OF:
            parse(data)
        else:
            within_bounds(parse, data)

    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds):
            (Path(folder) / f"seed{number}").write_bytes(seed)
        # One file named: libFuzzer repeats it, and takes no folder beside it.
        is_repetition = any(Path(it).is_file() for it in sys.argv[1:])
        atheris.Setup(sys.argv if is_repetition else [*sys.argv, folder], one_input)
        atheris.Fuzz()
