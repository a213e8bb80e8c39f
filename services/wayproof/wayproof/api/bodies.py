"""What requests that change a shipment carry, as OpenAPI describes it; the contract has the last word on values."""

from typing import Annotated, Literal

from pydantic import Field

from wayproof.api.submission import Body

Remark = Annotated[str, Field(max_length=2000)]


class PartyBody(Body):
    """An organisation in its role."""

    role: str
    msp_id: str
    party_gln: str


class LaneBody(Body):
    """Origin, destination and mode."""

    origin_gln: str
    destination_gln: str
    mode: str


class LimitBody(Body):
    """The agreed range of a measurement, integers · 10^-scale; at least one side."""

    name: str
    unit: str
    scale: int
    low: int | None = None
    high: int | None = None


class ContentBody(Body):
    """A trade item and its lot."""

    gtin: str
    lot: str


class UnitBody(Body):
    """A logistic unit."""

    sscc: str
    contents: list[ContentBody]
    assets: list[str]


class ShipmentBody(Body):
    """A shipment to create; we are its consignor."""

    gsin: str
    parties: list[PartyBody]
    lane: LaneBody
    due_at_ms: int
    limits: list[LimitBody]
    units: list[UnitBody]


class PositionBody(Body):
    """A message of a stream, as read from the device."""

    device_id: str
    stream: str
    boot: int
    sequence: int
    hash: str


class LatestBody(Body):
    """A reading, as read from the device."""

    device_id: str
    stream: str
    name: str
    value: int
    scale: int
    unit: str
    observed_at_ms: int


class StreamBody(Body):
    """A stream of a device."""

    device_id: str
    stream: str


class DetachmentBody(StreamBody):
    """A stream to detach; `position` where its messages are kept elsewhere, or to name an earlier one."""

    position: PositionBody | None = None


class ConditionBody(Body):
    """The condition of the goods; positions and readings where another organisation keeps the messages."""

    remark: Remark
    positions: list[PositionBody] | None = None
    latest: list[LatestBody] | None = None


class OfferBody(ConditionBody):
    """An offer of custody."""

    to: str


class RemarkBody(Body):
    """A remark."""

    remark: Remark


class ResolutionBody(RemarkBody):
    """What an excursion meant; without an end, the recorded one, or now."""

    resolution: Literal["product_released", "product_rejected", "false_alarm"]
    ended_at_ms: int | None = None


class AmendmentBody(RemarkBody):
    """An addition: another due time before close, late messages after it."""

    due_at_ms: int | None = None
    late: list[PositionBody] | None = None
