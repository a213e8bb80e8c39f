"""What the API answers about shipments: shapes of docs/reference/api.md and of OpenAPI. Absent facts absent."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Instant = Annotated[int, Field(description="Milliseconds since 1970.")]
Hash = Annotated[str, Field(description="SHA-256, lower-case hex.", examples=["00" * 32])]
UrgencyName = Literal["critical", "warning", "attention", "fine"]
State = Literal["inside", "low", "high", "unlimited"]


class Answer(BaseModel):
    """A part of an answer: never changed once made."""

    model_config = ConfigDict(frozen=True)


class Location(Answer):
    """A place by its GLN, with what the organisation calls it."""

    gln: str
    name: str | None = None
    latitude: float | None = None
    longitude: float | None = None


class Lane(Answer):
    """Origin, destination and mode."""

    origin: Location
    destination: Location
    mode: str


class Reason(Answer):
    """Why a shipment is urgent."""

    code: str
    text: str


class Quantity(Answer):
    """value · 10^-scale in a unit of UN/ECE Rec 20."""

    value: int
    scale: int
    unit: str


class Range(Answer):
    """What was agreed for a measurement, at a scale of its own, in the measurement's unit."""

    scale: int
    low: int | None = None
    high: int | None = None


class Flag(Answer):
    """Why a reading is not plausible: an opinion of this platform, no evidence."""

    code: Annotated[str, Field(examples=["rate_of_change"])]
    rule_version: int
    detail: str


class Measurement(Quantity):
    """The latest number of one name of one device, and where it lies in the agreed limits."""

    device_id: str
    name: str
    observed_at_ms: Instant
    state: State
    limit: Range | None = None
    flags: list[Flag] | None = None


class RoutePoint(Answer):
    """Where a device was, in degrees."""

    latitude: float
    longitude: float
    observed_at_ms: Instant


class Latest(Answer):
    """The latest of each measurement, and the latest position."""

    measurements: list[Measurement]
    position: RoutePoint | None = None


class ExcursionCounts(Answer):
    """Standing verdicts: not ended yet, not resolved yet, all."""

    open: int
    unresolved: int
    total: int


class SummaryCore(Answer):
    """What the list and the page of a shipment both say."""

    gsin: str
    status: Literal["open", "closed"]
    role: str
    custodian: str
    created_at_ms: Instant
    due_at_ms: Instant
    lane: Lane
    content: str
    urgency: UrgencyName
    reasons: list[Reason]
    latest: Latest
    missing: int
    last_observed_at_ms: Instant | None = None
    last_received_at_ms: Instant | None = None
    judged_at_ms: Instant | None = None


class Summary(SummaryCore):
    """A shipment in the list."""

    excursions: ExcursionCounts


class Party(Answer):
    """An organisation in its role."""

    role: str
    msp_id: str
    location: Location


class Position(Answer):
    """A message of a stream; boot and sequence 0 before the first ever."""

    device_id: str
    stream: str
    boot: int
    sequence: int
    hash: Hash


class HandoverReading(Quantity):
    """A reading that a condition names."""

    device_id: str
    stream: str
    name: str
    observed_at_ms: Instant


class Condition(Answer):
    """The condition that an organisation recorded when custody was offered, accepted, or the shipment closed."""

    positions: list[Position]
    latest: list[HandoverReading]
    remark: str


class Offer(Answer):
    """The pending offer of custody."""

    version: int
    to: str
    by: str
    at_ms: Instant
    condition: Condition


class Remarks(Answer):
    """What both sides of a handover remarked."""

    offer: str
    acceptance: str


class Handover(Answer):
    """How a custodian came to have the goods."""

    offered_at_ms: Instant
    accepted_at_ms: Instant
    latest: list[HandoverReading]
    remarks: Remarks
    tx_ids: list[str]


class CustodyPeriod(Answer):
    """One organisation's custody: by the ledger's claimed times, and by the clock of the devices."""

    custodian: str
    since_at_ms: Instant
    until_at_ms: Instant | None = None
    observed_from_ms: Instant | None = None
    observed_until_ms: Instant | None = None
    handover: Handover | None = None


class Excursion(Answer):
    """A recorded verdict; `standing` unless a later one takes its place."""

    excursion_id: str
    device_id: str
    stream: str
    name: str
    direction: Literal["high", "low"]
    started_at_ms: Instant
    ended_at_ms: Instant | None = None
    peak: Quantity
    rule: str
    as_of_ms: Instant
    standing: bool
    custodian: str | None = None
    resolution: str | None = None
    remark: str | None = None
    tx_id: str


class Attachment(Answer):
    """The interval of a stream that belongs to the shipment, and what is held of it here."""

    attached: Annotated[int, Field(description="Version of the event that attached the device.")]
    device_id: str
    stream: str
    organisation: str
    model: str
    held_here: bool
    start: Position
    end: Position | None = None
    messages: int
    readings: int
    first_observed_at_ms: Instant | None = None
    last_observed_at_ms: Instant | None = None
    gaps: Annotated[list[tuple[int, int, int]], Field(description="Missing sequences: boot, first, last.")]
    equivocations: Annotated[list[tuple[int, int]], Field(description="Places with two messages: boot, sequence.")]
    retrospective: Annotated[int, Field(description="Messages that were logged before the device was attached.")]


class Anchor(Answer):
    """A head of a log on the ledger."""

    log_id: str
    epoch: int
    counter: int
    size: int
    root: Hash
    at_ms: Instant
    block_number: int
    tx_id: str


class Proof(Answer):
    """How far the shipment's messages are provable, and the anchors nearest to its events, the latest last.

    Sizes are those of the log of which messages are held here; elsewhere both are what the ledger says.
    """

    messages: int
    sealed: int
    anchored: int
    log_size: int
    anchored_size: int
    anchors: list[Anchor]


class LedgerEvent(Answer):
    """One event of the shipment's record."""

    version: int
    kind: str
    organisation: str
    at_ms: Instant
    tx_id: str
    block_number: int


class Amendment(Answer):
    """What was added to the record."""

    version: int
    organisation: str
    at_ms: Instant
    remark: str
    due_at_ms: Instant | None = None
    late: list[Position] | None = None


class Shipment(SummaryCore):
    """A shipment with everything that the organisation may see of it."""

    excursions: list[Excursion]
    parties: list[Party]
    units: list[dict[str, Any]]
    limits: list[dict[str, Any]]
    offer: Offer | None = None
    custody: list[CustodyPeriod]
    attachments: list[Attachment]
    proof: Proof
    events: list[LedgerEvent]
    amendments: list[Amendment]
    actions: list[str]


class Series(Answer):
    """One measurement of one stream, for drawing: reduced to the extremes of each step when there are many points."""

    device_id: str
    stream: str
    name: str
    unit: str
    points: list[tuple[int, float]]
    reduced: bool


class TraceGap(Answer):
    """Missing messages, and between which observations."""

    device_id: str
    stream: str
    from_ms: Instant
    until_ms: Instant
    missing: int


class TraceFlag(Flag):
    """A flag, and the reading that it is on."""

    device_id: str
    stream: str
    name: str
    observed_at_ms: Instant


class Trace(Answer):
    """What the devices measured while attached."""

    gsin: str
    as_of_ms: Instant
    held_here: bool
    series: list[Series]
    route: Annotated[list[tuple[int, float, float]], Field(description="Instant, latitude, longitude.")]
    gaps: list[TraceGap]
    flags: list[TraceFlag]
    flags_reduced: Annotated[bool, Field(description="There are more flags than are told: the latest are left out.")]
    doors: Annotated[list[tuple[int, int]], Field(description="Open from, until.")]
    dropped: Annotated[
        list[tuple[int, int]],
        Field(
            description="From when to when readings were let go of: they are in evidence, which is made of messages."
        ),
    ]


class Leaf(Answer):
    """Where a message stands in the log."""

    log_id: str
    epoch: int
    index: int


class LeafAnchor(Answer):
    """The first anchored head above a leaf."""

    counter: int
    size: int
    at_ms: Instant
    block_number: int
    tx_id: str


class MessagePlace(Answer):
    """A message's place in its stream, and its hash."""

    boot: int
    sequence: int
    hash: Hash
    received_at_ms: Instant


class Reading(Answer):
    """A single reading, a number or a text, with what proves it."""

    device_id: str
    stream: str
    name: str
    observed_at_ms: Instant
    value: int | None = None
    scale: int | None = None
    unit: str | None = None
    text: str | None = None
    flags: list[Flag] | None = None
    message: MessagePlace
    leaf: Leaf | None = None
    anchor: LeafAnchor | None = None


class SummaryPage(Answer):
    """A page of shipments."""

    items: list[Summary]
    next: str | None = None


class ReadingPage(Answer):
    """A page of readings, the newest first."""

    items: list[Reading]
    next: str | None = None
