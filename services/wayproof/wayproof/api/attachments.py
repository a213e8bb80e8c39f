"""The intervals of a shipment, and what is missing or contradicted in them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wayproof.api.models import Attachment, Position
from wayproof.store.readings import BEYOND, Break, Contents, Interval, Stream

Head = Mapping[str, Any]
Gap = tuple[int, int, int]
"""Boot, first and last sequence that are missing."""


def intervals_of(head: Head) -> list[Interval]:
    """Return the intervals of a shipment's record, in the order in which devices were attached."""
    return [
        Interval(
            attached=it["attached"],
            device_id=it["start"]["device_id"],
            stream=it["start"]["stream"],
            start=place_of(it["start"]),
            end=place_of(it["end"]) if "end" in it else BEYOND,
            anchored=(it["anchor"]["epoch"], it["anchor"]["size"]),
        )
        for it in head["attachments"]
    ]


def place_of(position: Mapping[str, Any]) -> tuple[int, int]:
    """Return `(boot, sequence)` of a position."""
    return position["boot"], position["sequence"]


def held_streams(streams: Iterable[Stream], *, organisation: str) -> dict[tuple[str, str], Stream]:
    """Return, by device id and name, those of the streams whose messages this organisation keeps."""
    return {(it.device_id, it.stream): it for it in streams if it.keeper == organisation}


def describe(
    head: Head,
    *,
    streams: Sequence[Stream],
    contents: Mapping[int, Contents],
    breaks: Sequence[Break],
    organisation: str,
) -> list[Attachment]:
    """Return the attachments of a shipment with what this organisation holds of them."""
    held = held_streams(streams, organisation=organisation)
    models = {it.device_id: it.model or "" for it in streams}
    described = []
    for record, interval in zip(head["attachments"], intervals_of(head), strict=True):
        content = contents.get(interval.attached)
        is_held = (interval.device_id, interval.stream) in held
        of_this = [it for it in breaks if it.attached == interval.attached]
        described.append(
            Attachment(
                attached=interval.attached,
                device_id=interval.device_id,
                stream=interval.stream,
                organisation=record["organisation"],
                model=models.get(interval.device_id, ""),
                held_here=is_held,
                start=Position(**record["start"]),
                end=Position(**record["end"]) if "end" in record else None,
                messages=content.messages if content else 0,
                readings=content.readings if content else 0,
                first_observed_at_ms=content.first_observed_at_ms if content else None,
                last_observed_at_ms=content.last_observed_at_ms if content else None,
                gaps=gaps(interval, breaks=of_this, content=content) if is_held else [],
                equivocations=equivocations(of_this),
                retrospective=content.retrospective if content else 0,
            )
        )
    return described


def gaps(interval: Interval, *, breaks: Iterable[Break], content: Contents | None) -> list[Gap]:
    """Return what is missing of an interval: between its messages, and between the last one and its end."""
    found = [gap for it in breaks if (gap := gap_of(it)) is not None]
    last = (content.last_boot, content.last_sequence) if content else interval.start
    if interval.end != BEYOND and last < interval.end:
        found.append(_missing(held=last, named=interval.end))
    return found


def gap_of(it: Break) -> Gap | None:
    """Return the sequences that are missing before a message, None where it contradicts what is held instead."""
    held, named = (it.held_boot, it.held_sequence), (it.named_boot, it.named_sequence)
    return _missing(held=held, named=named) if held < named else None


def equivocations(breaks: Iterable[Break]) -> list[tuple[int, int]]:
    """Return the places that have more than one message."""
    places = {(it.boot, it.sequence) for it in breaks if (it.boot, it.sequence) == (it.held_boot, it.held_sequence)}
    return sorted(places)


def _missing(*, held: tuple[int, int], named: tuple[int, int]) -> Gap:
    boot, last = named
    return boot, held[1] + 1 if held[0] == boot else 1, last
