"""An organisation's office: what its people do in the pages, done over the same API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from wayproof.errors import WayproofError

Json = Mapping[str, Any]

DONE = frozenset({200, 201, 202, 204})


class OfficeError(WayproofError):
    """The API answered with a problem; `code` is its own."""

    code = "demo_refused"


@dataclass(frozen=True, slots=True)
class Office:
    """One organisation, by its API."""

    organisation: str
    http: httpx.AsyncClient

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Ask. Raises OfficeError."""
        return await self._answer("GET", path, params=query)

    async def post(self, path: str, body: Json) -> dict[str, Any]:
        """Change something. Raises OfficeError."""
        return await self._answer("POST", path, json=dict(body))

    async def put(self, path: str, body: Json) -> dict[str, Any]:
        """Write master data. Raises OfficeError."""
        return await self._answer("PUT", path, json=dict(body))

    async def _answer(self, method: str, path: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's own
        try:
            response = await self.http.request(method, f"/api/v1/{path}", **request)
        except httpx.HTTPError as error:
            raise OfficeError(f"{method} {path}: {error!r}", code="demo_unreachable") from error
        if response.status_code not in DONE:
            problem = response.json() if "json" in response.headers.get("content-type", "") else {}
            raise OfficeError(
                f"{self.organisation}: {method} {path}: {problem.get('detail', response.text[:200])}",
                code=str(problem.get("code", response.status_code)),
            )
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer
