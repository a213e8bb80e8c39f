"""Devices of the register: keys, streams held here, where they are attached; and registering one of ours."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import Field

from wayproof.api.models import Answer, Hash, Instant
from wayproof.api.problems import Refusal, not_found, refusals
from wayproof.api.resources import After, DeviceId, Held, Limit, Reading, Resources
from wayproof.api.submission import PENDING, Body, Pending, submit
from wayproof.store.devices import DescribedDevice, describe_device, list_devices
from wayproof.store.log import epochs

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])


class DeviceKey(Answer):
    """A key that the device has or had; without `key_id` it does not sign."""

    key_id: Hash | None = None
    algorithm: str
    registered_at_ms: Instant
    current: bool


class DeviceStream(Answer):
    """A stream of the device and the last message of it that is held here."""

    stream: str
    boot: int
    sequence: int
    hash: Hash
    last_received_at_ms: Instant


class AttachedTo(Answer):
    """Where a stream is attached now."""

    gsin: str
    stream: str


class Device(Answer):
    """A registered device."""

    device_id: str
    organisation: str
    model: str
    home_log: str
    status: str
    revoked: bool
    registered_at_ms: Instant | None = None
    held_here: bool
    keys: list[DeviceKey]
    streams: list[DeviceStream]
    attached: list[AttachedTo]
    last_received_at_ms: Instant | None = None


class DevicePage(Answer):
    """A page of devices, by id."""

    items: list[Device]
    next: str | None = None


class DeviceBody(Body):
    """A device to register; its home log is ours. Algorithm `none` has no key."""

    device_id: str
    algorithm: str
    public_key: Annotated[str | None, Field(description="SubjectPublicKeyInfo DER, base64.")] = None
    model: str


@router.get("", response_model_exclude_none=True, responses=refusals(400, 503))
def list_all(resources: Held, connection: Reading, after: After = None, limit: Limit = 50) -> DevicePage:
    """List the devices of the register."""
    found = list_devices(connection, after=(after or "").replace("\0", ""), limit=limit + 1)
    following = found[limit - 1].device_id if len(found) > limit else None
    items = [_device(it, organisation=resources.settings.organisation) for it in found[:limit]]
    return DevicePage(items=items, next=following)


@router.get("/{device_id}", response_model_exclude_none=True, responses=refusals(400, 404, 503))
def get(device_id: DeviceId, resources: Held, connection: Reading) -> Device:
    """Tell about one device."""
    found = describe_device(connection, device_id)
    if found is None:
        raise not_found(f"device {device_id}")
    return _device(found, organisation=resources.settings.organisation)


@router.post(
    "",
    status_code=201,
    response_model=Device,
    response_model_exclude_none=True,
    responses={**PENDING, **refusals(400, 403, 409, 413, 415, 503, 504)},
)
async def register(body: DeviceBody, resources: Held) -> Device | JSONResponse:
    """Register a device, its home log being ours."""
    argument = {**body.argument(), "home_log": await run_in_threadpool(home_log, resources)}
    committed = await submit(resources, resources.registrar, "register_device", argument)
    if not committed.is_projected:
        return Pending.of(committed).answer()
    return await run_in_threadpool(registered, resources, body.device_id)


def home_log(resources: Resources) -> str:
    """Return the log that devices of ours report to. Raises Refusal (`no_log`)."""
    with resources.connection() as connection:
        opened = epochs(connection)
    if not opened:
        raise Refusal("this organisation keeps no log that a device could report to", code="no_log", status=409)
    return opened[-1].log_id


def registered(resources: Resources, device_id: str) -> Device:
    """Return a device of the register. Raises Refusal (`not_found`)."""
    with resources.connection() as connection:
        found = describe_device(connection, device_id)
    if found is None:
        raise not_found(f"device {device_id}")
    return _device(found, organisation=resources.settings.organisation)


def _device(it: DescribedDevice, *, organisation: str) -> Device:
    keys = [
        DeviceKey(
            key_id=key["key_id"],
            algorithm=key["algorithm"],
            registered_at_ms=key["registered_at_ms"],
            current=not key["has_ended"],
        )
        for key in it.keys or ()
    ]
    streams = [
        DeviceStream(
            stream=stream["stream"],
            boot=stream["boot"],
            sequence=stream["sequence"],
            hash=stream["hash"],
            last_received_at_ms=stream["received_at_ms"],
        )
        for stream in it.streams or ()
    ]
    return Device(
        device_id=it.device_id,
        organisation=it.organisation,
        model=it.model,
        home_log=it.home_log,
        status=it.status,
        revoked=it.status == "revoked",
        registered_at_ms=min((key.registered_at_ms for key in keys), default=None),
        held_here=it.keeper == organisation,
        keys=keys,
        streams=streams,
        attached=[AttachedTo(**where) for where in it.attached or ()],
        last_received_at_ms=max((stream.last_received_at_ms for stream in streams), default=None),
    )
