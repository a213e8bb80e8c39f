"""The web pages: static files built from `web/`, one page for every path that is not the API's."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from wayproof.api.problems import not_found, problem_response

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parent / "static"
NOT_PAGES = ("api", "log", "health", "assets")
"""First parts of paths that belong to others."""

FOR_EVER = "public, max-age=31536000, immutable"
"""File names of assets carry a hash of their content."""


@router.get("/assets/{name}")
def get_asset(name: str) -> Response:
    """Return a script, a style sheet, a map."""
    path = STATIC / "assets" / name
    if "/" in name or "\\" in name or "\0" in name or name.startswith(".") or not path.is_file():
        raise not_found(f"asset {name[:100]!r}")
    return FileResponse(path, headers={"cache-control": FOR_EVER})


@router.get("/{path:path}")
def get_page(path: str) -> Response:
    """Return the one page, which shows what its address says."""
    if path.partition("/")[0] in NOT_PAGES:
        raise not_found(f"/{path[:100]}")
    index = STATIC / "index.html"
    if not index.is_file():
        return problem_response(
            503, code="pages_not_built", detail="the pages are not built: run `make web`, then start the API again"
        )
    return FileResponse(index, headers={"cache-control": "no-cache"})
