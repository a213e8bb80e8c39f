"""Refusals as `application/problem+json` (RFC 9457), each with a stable code; nothing internal leaves by one."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from wayproof.errors import ContractRefusal, WayproofError
from wayproof.log import TileError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "store_unavailable": 503,
        "ledger_unavailable": 503,
        "ledger_outcome_unknown": 504,
        "ledger_transaction_invalid": 409,
        "messages_elsewhere": 409,
        "evidence_outrun": 503,
        "projection_behind": 503,
        "log_shortened": 503,
        "record_not_found": 404,
        "request_malformed": 400,
        "claim_unknown": 403,
        "claim_expired": 403,
        "claim_used": 409,
        "device_exists": 409,
        "device_revoked": 409,
        "proof_refused": 403,
        "certificate_unknown": 403,
        "certificate_expired": 403,
    }
)
"""Errors of the platform that are not faults of ours; every other one is answered 500, without its words."""

_CODE_OF: Mapping[int, str] = MappingProxyType(
    {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 415: "unsupported_media_type"}
)


class Problem(BaseModel):
    """What went wrong, and what to do."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


class Refusal(WayproofError):  # noqa: N818 - an answer, not a fault
    """The API says no: a status, a stable code, and what to do."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message, code=code)
        self.status = status


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of a request's refusals."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def problem_response(status: int, *, code: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return a problem as an answer."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)
    return JSONResponse(problem.model_dump(), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every exception as a problem."""
    app.add_exception_handler(WayproofError, _wayproof_error)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def not_found(what: str) -> Refusal:
    """Return the refusal for something that is not there, or not for this organisation."""
    return Refusal(f"{what} is not known here, or not for this organisation", code="not_found", status=404)


def _wayproof_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, Refusal | ContractRefusal):
        return problem_response(error.status, code=error.code, detail=str(error))
    if isinstance(error, TileError):
        return problem_response(404, code="not_found", detail=str(error))
    if isinstance(error, WayproofError) and error.code in STATUS_OF:
        status = STATUS_OF[error.code]
        headers = {"retry-after": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return problem_response(status, code=error.code, detail=_public(error), headers=headers)
    return _unexpected(request, error)


def _public(error: WayproofError) -> str:
    """Return what a person may read: an unavailable database's own words name hosts and users."""
    if error.code == "store_unavailable":
        return "the database of this organisation cannot be reached now; try again"
    return str(error)


def _malformed(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = [f"{'.'.join(map(str, it['loc']))}: {it['msg']}" for it in error.errors()]
    return problem_response(400, code="malformed_argument", detail="; ".join(faults[:10]))


def _http(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    code = _CODE_OF.get(error.status_code, "malformed_request")
    return problem_response(error.status_code, code=code, detail=str(error.detail), headers=error.headers)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("a request failed", extra={"path": request.url.path}, exc_info=error)
    return problem_response(500, code="internal_error", detail="the request failed here; the process's log says why")
