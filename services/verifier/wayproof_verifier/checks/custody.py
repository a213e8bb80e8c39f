"""Who had the goods (`custody`): replayed from the shipment's events, event by event."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from wayproof_verifier.checks.book import Event
from wayproof_verifier.report import CustodyPeriod, Finding, Problem


class _Line:
    """The custodian and the pending offer, one event after the other."""

    def __init__(self) -> None:
        self.custodian = ""
        self._offer: Event | None = None

    def step(self, event: Event) -> str:
        """Follow one event; return what is wrong with it, or nothing."""
        match event.kind:
            case "shipment_created":
                self.custodian = event.organisation
            case "custody_offered" | "shipment_closed":
                return self._by_custodian(event)
            case "custody_accepted" | "custody_rejected":
                return self._answer(event)
        return ""

    def _by_custodian(self, event: Event) -> str:
        pending = self._offer
        if event.kind == "custody_offered":
            self._offer = event
        if event.organisation != self.custodian:
            return f"custody is with {self.custodian}, not with {event.organisation}"
        return "an offer of custody is pending" if pending else ""

    def _answer(self, event: Event) -> str:
        offer, self._offer = self._offer, None
        if offer is None or event.members.get("offer") != offer.version:
            return "it answers an offer that is not pending"
        if event.kind == "custody_rejected":
            fitting = event.organisation in {offer.members.get("to"), self.custodian}
            return "" if fitting else f"{event.organisation} has no part in this offer"
        self.custodian = event.organisation
        fitting = event.organisation == offer.members.get("to")
        return "" if fitting else f"the offer was made to {offer.members.get('to')}, not to {event.organisation}"


def check_custody(shipment: Iterable[Event]) -> Iterator[Problem]:
    """Exactly one custodian at any time: each step is made by the organisation whose turn it is."""
    line = _Line()
    for event in shipment:
        reason = line.step(event)
        if reason:
            yield Problem(f"{event.kind}: {reason}", f"shipment_event version {event.version}")
    if not line.custodian:
        yield Problem("no event creates the shipment")


def custody_line(shipment: Iterable[Event]) -> tuple[CustodyPeriod, ...]:
    """Return who had the goods from when to when; the times are the transactions' claims."""
    periods: list[CustodyPeriod] = []
    for event in shipment:
        if event.kind in {"shipment_created", "custody_accepted", "shipment_closed"} and periods:
            periods[-1] = replace(periods[-1], until=event.at, until_at_ms=event.at_ms)
        if event.kind in {"shipment_created", "custody_accepted"}:
            periods.append(CustodyPeriod(event.organisation, event.at, event.at_ms, None, None))
    return tuple(periods)


def unmonitored(shipment: Iterable[Event]) -> Iterator[Finding]:
    """Name every stretch of a custodian's time in which no device was attached."""
    attached = 0
    custodian = ""
    since: Event | None = None
    for event in shipment:
        changes = event.kind in {"shipment_created", "custody_accepted", "shipment_closed"}
        attached_after = attached + _change(event)
        if since is not None and (changes or attached_after > 0):
            yield _stretch(custodian, since, event)
            since = None
        if changes:
            custodian = "" if event.kind == "shipment_closed" else event.organisation
        attached = attached_after
        if attached == 0 and custodian and since is None:
            since = event
    if since is not None:
        yield _stretch(custodian, since, None)


def _change(event: Event) -> int:
    return {"device_attached": 1, "device_detached": -1}.get(event.kind, 0)


def _stretch(custodian: str, since: Event, until: Event | None) -> Finding:
    end = _name(until) if until else "now"
    minutes = f", {(until.at_ms - since.at_ms) / 60_000:.0f} minutes by the transactions' claims" if until else ""
    text = f"no device was attached while {custodian} had the goods: {_name(since)} to {end}{minutes}"
    return Finding("unmonitored", text, f"shipment_event version {since.version}")


def _name(event: Event) -> str:
    return f"{event.kind} (version {event.version})"
