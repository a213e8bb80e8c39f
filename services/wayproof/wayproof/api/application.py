"""The application: what the API is made of, from the organisation's settings."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI

from aiofabric.gateway import Network
from wayproof import ledger
from wayproof.api import (
    changes,
    devices,
    enrolment,
    evidence,
    health,
    locations,
    log,
    organisation,
    pages,
    problems,
    readings,
    rejections,
    shipments,
    trace,
)
from wayproof.api.guard import Guard
from wayproof.api.measured import Measured
from wayproof.api.resources import Member, Resources
from wayproof.ledger import Ledger
from wayproof.observability.health import HEALTH
from wayproof.settings import Settings
from wayproof.store.connection import open_pool

OPENAPI_PATH = "/api/v1/openapi.json"

ROUTERS = (
    health.router,
    organisation.router,
    shipments.router,
    trace.router,
    readings.router,
    evidence.router,
    changes.router,
    devices.router,
    enrolment.router,
    rejections.router,
    locations.router,
    log.router,
    pages.router,  # last: it has an answer for every path
)


def build(settings: Settings) -> FastAPI:
    """Return the application; it opens the database's pool and the ledger's connections when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            pool = stack.enter_context(open_pool(settings.database, application="api", role="api"))
            members = [
                Member(*await stack.enter_async_context(_connected(settings, user)))
                for user in ("operator", "registrar")
            ]
            app.state.resources = Resources(settings, pool, *members)
            HEALTH.works("serving")
            yield

    app = FastAPI(
        title="wayproof",
        version="1",
        summary=f"Supply-chain provenance: the API of {settings.organisation}.",
        lifespan=lifespan,
        openapi_url=OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Guard, port=settings.require_api().port)
    app.add_middleware(Measured)  # the outermost: what the guard refuses is counted too
    _describe_refusals(app)
    return app


def _connected(settings: Settings, user: str) -> AbstractAsyncContextManager[tuple[Network, Ledger]]:
    return ledger.connect(settings.ledger, msp_id=settings.organisation, user=user)


def _describe_refusals(app: FastAPI) -> None:
    """Describe refusals as they are answered: as problems, and never with FastAPI's own 422."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        document["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
