"""The organisation's log as C2SP `tlog-tiles`: never more of it than the ledger has (docs/reference/log.md)."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import Response

from wayproof.api.problems import not_found, refusals
from wayproof.api.resources import Held, Reading
from wayproof.log import Bundle, Tile
from wayproof.log.keys import read_checkpoint_key, sign_head
from wayproof.store.connection import Connection
from wayproof.store.log import epochs, published_head
from wayproof.store.tiles import read_bundle, read_tile

router = APIRouter(prefix="/log", tags=["log"])

Epoch = Annotated[int, Path(ge=1, le=999_999)]

FOR_EVER = "public, max-age=31536000, immutable"
TILE_WIDTH = 256

_PATH = re.compile(
    r"(?P<level>entries|[0-9]{1,2})/(?P<index>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)
_OCTETS: dict[int | str, Any] = {200: {"content": {"application/octet-stream": {}}, "description": "The bytes."}}
_TEXT: dict[int | str, Any] = {
    200: {"content": {"text/plain": {}}, "description": "A signed note (c2sp.org/tlog-checkpoint)."}
}


@router.get("/{epoch}/checkpoint", response_class=Response, responses={**_TEXT, **refusals(400, 404, 503)})
def get_checkpoint(epoch: Epoch, resources: Held, connection: Reading) -> Response:
    """Return the last head that is anchored, signed by the log."""
    settings = resources.settings.log
    head = published_head(connection, log_id=settings.log_id) if settings else None
    if settings is None or head is None or head.epoch != epoch:
        raise not_found(f"a checkpoint of epoch {epoch}")
    key = read_checkpoint_key(settings.checkpoint_key)
    note = sign_head(key, origin=settings.origin, epoch=epoch, size=head.size, root=head.root)
    return Response(note, media_type="text/plain; charset=utf-8", headers={"cache-control": "no-cache"})


@router.get("/{epoch}/tile/{path:path}", response_class=Response, responses={**_OCTETS, **refusals(400, 404, 503)})
def get_tile(epoch: Epoch, path: str, resources: Held, connection: Reading) -> Response:
    """Return a tile: hashes, or entries."""
    tile = parse_tile(path)
    settings = resources.settings.log
    if tile is None or settings is None:
        raise not_found(f"tile {path[:100]!r}")
    size = _published_size(connection, log_id=settings.log_id, epoch=epoch)
    if isinstance(tile, Bundle):
        content = read_bundle(connection, tile, epoch=epoch, size=size)
    else:
        content = read_tile(connection, tile, epoch=epoch, size=size)
    headers = {"cache-control": FOR_EVER}  # a partial tile, too, is named by its width and never changes
    return Response(content, media_type="application/octet-stream", headers=headers)


def parse_tile(path: str) -> Tile | Bundle | None:
    """Read `LEVEL/N[.p/W]` or `entries/N[.p/W]`; None for anything else, second forms included."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    index = int(match["index"].replace("x", "").replace("/", ""))
    width = int(match["width"] or TILE_WIDTH)
    tile = Bundle(index, width) if match["level"] == "entries" else Tile(int(match["level"]), index, width)
    return tile if tile.path == f"tile/{path}" else None


def _published_size(connection: Connection, *, log_id: str, epoch: int) -> int:
    """Return how many leaves of an epoch the ledger has: of a closed one, all that are left."""
    head = published_head(connection, log_id=log_id)
    if head is not None and head.epoch == epoch:
        return head.size
    return sum(it.size for it in epochs(connection) if it.epoch == epoch and head is not None and epoch < head.epoch)
