"""Master data of places: what the organisation calls a GLN, and where it lies on the map."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from wayproof.api.models import Answer, Location
from wayproof.api.problems import Refusal, refusals
from wayproof.api.resources import After, Held, Limit, Reading
from wayproof.store.locations import StoredLocation, list_locations, put_location
from wayproof_contract import identifiers
from wayproof_contract.errors import STATUS_OF, ContractError

router = APIRouter(prefix="/api/v1/locations", tags=["locations"])


class LocationBody(BaseModel):
    """A place's name, and where it lies: both degrees or none."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]*$")]
    latitude: Annotated[float | None, Field(ge=-90, le=90)] = None
    longitude: Annotated[float | None, Field(ge=-180, le=180)] = None


class LocationPage(Answer):
    """A page of places, by GLN."""

    items: list[Location]
    next: str | None = None


@router.get("", response_model_exclude_none=True, responses=refusals(400, 503))
def list_all(connection: Reading, after: After = None, limit: Limit = 50) -> LocationPage:
    """List the places that have a name."""
    found = list_locations(connection, after=(after or "").replace("\0", ""), limit=limit + 1)
    following = found[limit - 1].gln if len(found) > limit else None
    return LocationPage(items=[_location(it) for it in found[:limit]], next=following)


@router.put("/{gln}", response_model_exclude_none=True, responses=refusals(400, 413, 415, 503))
def put(gln: Annotated[str, Path(max_length=32)], body: LocationBody, resources: Held) -> Location:
    """Name a place, or name it anew."""
    if (body.latitude is None) != (body.longitude is None):
        raise Refusal("give latitude and longitude, or neither", code="malformed_argument", status=400)
    try:
        location = StoredLocation(identifiers.gln(gln), body.name, body.latitude, body.longitude)
    except ContractError as error:
        raise Refusal(error.message, code=error.code, status=STATUS_OF[error.code]) from error
    with resources.connection() as connection:
        put_location(connection, location)
    return _location(location)


def _location(it: StoredLocation) -> Location:
    return Location(gln=it.gln, name=it.name, latitude=it.latitude, longitude=it.longitude)
