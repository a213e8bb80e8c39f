"""The judgement on a whole group: what is certain is accepted the quick way, all else goes before `judge`.

The quick way accepts only: a payload that the fast decoder can read, on the topic of a device that is ours, unsigned
where that is allowed, or signed under a key of that device that counts there, by a signature that verifies. So there is
one place that refuses, and a test holds both ways equal.
"""

from collections.abc import Sequence

from wayproof.ingest.accepted import Accepted, of_message, of_quick
from wayproof.ingest.arrivals import Arrival
from wayproof.ingest.decoding import Decoder, Quick
from wayproof.ingest.judge import House, device_of, judge, may_be_outdated, our_device
from wayproof.ingest.refusal import Refused
from wayproof.ingest.registry import Device, Registry
from wayproof.ingest.signatures import Claim, Verifiers
from wayproof.store.connection import Connection
from wayproof_verifier.telemetry import Message
from wayproof_verifier.telemetry.envelope import ALGORITHMS

Verdict = Accepted | Refused


class GroupJudge:
    """Judges groups. Not shared between threads."""

    def __init__(self, house: House, *, verifiers: Verifiers) -> None:
        self._house = house
        self._registry = Registry()
        self._decoder = Decoder()
        self._verifiers = verifiers

    def judge(self, connection: Connection, arrivals: Sequence[Arrival]) -> list[tuple[Arrival, Verdict]]:
        """Judge each message of a group; those that a newer record of the device might change, a second time."""
        device_ids = {topic: device_of(topic) for topic in {arrival.topic for arrival in arrivals}}
        self._registry.look_up(connection, filter(None, device_ids.values()))
        quick = self._accepted(arrivals, device_ids)
        rest = {
            place: self._judge_one(arrival, device_ids[arrival.topic])
            for place, arrival in enumerate(arrivals)
            if quick[place] is None
        }
        doubtful = {place: device_ids[arrivals[place].topic] for place, it in rest.items() if may_be_outdated(it)}
        renewed = self._registry.look_again(connection, filter(None, doubtful.values()))
        for place, device_id in doubtful.items():
            if device_id in renewed:
                rest[place] = self._judge_one(arrivals[place], device_id)
        return [
            (arrival, accepted or _verdict(rest[place]))
            for place, (arrival, accepted) in enumerate(zip(arrivals, quick, strict=True))
        ]

    def _accepted(self, arrivals: Sequence[Arrival], device_ids: dict[str, str | None]) -> list[Accepted | None]:
        """Accept what is certain; None stands for all else."""
        ours = self._ours(device_ids)
        decode = self._decoder.decode
        accepted: list[Accepted | None] = []
        signed: list[tuple[int, Claim]] = []
        for arrival in arrivals:
            device = ours.get(arrival.topic)
            payload = arrival.payload
            quick = decode(payload) if device is not None and isinstance(payload, bytes) else None
            if device is None or quick is None:
                accepted.append(None)
                continue
            if quick.envelope is not None:
                claim = _claim(quick, device)
                if claim is not None:
                    signed.append((len(accepted), claim))
                accepted.append(of_quick(quick, device.device_id) if claim else None)
            else:
                accepted.append(of_quick(quick, device.device_id) if device.may_be_unsigned else None)
        for (place, _), is_valid in zip(signed, self._verifiers.verify([claim for _, claim in signed]), strict=True):
            if not is_valid:
                accepted[place] = None
        return accepted

    def _ours(self, device_ids: dict[str, str | None]) -> dict[str, Device]:
        """Return the devices that may publish on these topics, by topic."""
        found = {topic: our_device(topic, self._known(it), self._house) for topic, it in device_ids.items()}
        return {topic: it for topic, it in found.items() if isinstance(it, Device)}

    def _judge_one(self, arrival: Arrival, device_id: str | None) -> Message | Refused:
        return judge(arrival.payload, topic=arrival.topic, device=self._known(device_id), house=self._house)

    def _known(self, device_id: str | None) -> Device | None:
        return self._registry.device(device_id) if device_id else None


def _claim(quick: Quick, device: Device) -> Claim | None:
    """Return what the signature claims, if a key of the device has that key id and algorithm, and counts there."""
    envelope = quick.envelope
    key = device.keys.get(envelope.key_id) if envelope else None
    if envelope is None or key is None or ALGORITHMS.get(envelope.algorithm) != key.algorithm:
        return None
    if device.ends and device.has_key_ended(
        envelope.key_id, stream=envelope.stream, position=(envelope.boot, envelope.sequence)
    ):
        return None
    return Claim(key, envelope.signature, envelope.signed)


def _verdict(judged: Message | Refused) -> Verdict:
    return of_message(judged) if isinstance(judged, Message) else judged
