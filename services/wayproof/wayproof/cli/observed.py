"""What the settings say of metrics and traces, turned on for a process that begins."""

import importlib
from collections.abc import Callable
from typing import Any, get_args

from wayproof.errors import WayproofError
from wayproof.observability import tracing
from wayproof.observability.health import HEALTH
from wayproof.settings import Process, Settings
from wayproof.store import schema
from wayproof.store.connection import connect

PROCESSES = frozenset(get_args(Process))


def observe(read: Settings, *, process: str) -> None:
    """Show metrics and health, and send traces, as far as the settings ask for it. Raises WayproofError."""
    port = read.metrics.port_of(process)
    if port is not None:
        endpoint = _loaded("wayproof.observability.endpoint", extra="metrics")
        HEALTH.ask("database", _database(read, process=process))
        try:
            endpoint.begin(read.metrics.host, port)
        except OSError as error:
            raise WayproofError(
                f"metrics: {read.metrics.host}:{port} cannot be had ({error.strerror}); choose another port for "
                f"{process}, or free that one",
                code="port_in_use",
            ) from error
    if read.traces.endpoint is not None:
        export = _loaded("wayproof.observability.tracing_export", extra="otel")
        recorder = export.to_collector(read.traces.endpoint, process=process, organisation=read.organisation)
        tracing.turn_on(recorder, rate=read.traces.rate)


def _database(read: Settings, *, process: str) -> Callable[[], str]:
    """Return a question: whether the database answers, with the tables of this version."""

    def ask() -> str:
        try:
            with connect(read.database, application="health", role=process) as connection:
                schema.require_current(connection)
        except WayproofError as error:
            return error.diagnostics()
        return ""

    return ask


def _loaded(module: str, *, extra: str) -> Any:  # noqa: ANN401 - a module, by name
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("wayproof"):
            raise
        raise WayproofError(
            f"{error.name} is not installed: pip install 'wayproof[{extra}]'",
            code="extra_missing",
        ) from error
