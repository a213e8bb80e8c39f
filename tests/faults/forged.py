"""F15: devices that are not what they say. Every try is one thing that an attacker sends; none may be accepted.

Where each is stopped: at the handshake (Mosquitto and the certificate), at the topic (Mosquitto's access list), by
ingest (the signature), in the store (the same bytes are there already), or in the evidence (an ended key counts by
position). The oracle does not ask those: afterwards the store holds exactly what honest devices sent.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from support.deliveries import deliver
from support.faults import Fault, Trial
from support.findings import Findings
from support.forgeries import Forgery, of_a_stranger, of_captured, tampered
from support.mosquitto import until
from support.mqtt_line import NOT_AUTHORISED, line
from support.platform import CONSIGNEE, SHIPPER
from support.site import Site, attacked
from support.telemetry_device import Device, json_pack
from wayproof.enrolment.authority import Authority, pem
from wayproof.enrolment.certificate import now_utc
from wayproof.tls import TlsFiles, client_context
from wayproof_verifier.telemetry import messages_topic

EACH_SHORT, EACH_LONG = 9, 60
"""Tries of each kind."""
WHOLE_SHORT, WHOLE_LONG = 1, 4
"""Messages of each algorithm that are changed at every byte."""
HONEST = 20
LEAST_TRIES = 1_000
CLOSED_WITHIN_S = 60.0
NAMED = "OpenSSL Error"
"""How Mosquitto names a handshake that failed: without the certificate, and now and then not at all."""
WITHOUT_KEY = "the right certificate without its key"
"""Which never comes to the broker: the thief's own TLS library refuses it."""
JUDGED_WITHIN_S = 60.0


@dataclass
class Tally:
    """Tries by kind and by where they were stopped."""

    tries: Counter[str] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)

    def note(self, kind: str, *, at: str, count: int = 1) -> None:
        """Count a try that was stopped; `at` is empty for one that was not."""
        self.tries[kind] += count
        if at:
            self.stopped[at] += count
        else:
            self.accepted.append(kind)


async def run(trial: Trial) -> Findings:
    """Let every kind of attacker try, then compare the store with what honest devices sent."""
    findings, tally = Findings(), Tally()
    each = EACH_LONG if trial.is_long else EACH_SHORT
    whole = WHOLE_LONG if trial.is_long else WHOLE_SHORT
    chance = random.Random(f"{trial.seed}/F15")  # noqa: S311 - repeatable
    async with trial.world() as world, attacked(world) as site:
        victims = [await site.device("f15-es256", algorithm="ES256"), await site.device("f15-eddsa")]
        mallory = await site.device("f15-mallory")
        captured = await asyncio.to_thread(honest_traffic, site, victims)
        trial.say("handshakes")
        before = site.log("broker").count(NAMED)
        await asyncio.to_thread(handshakes, site, victims[0], tally, each=each)
        findings.figures["handshakes_in_the_log"] = site.log("broker").count(NAMED) - before
        trial.say("topics")
        await asyncio.to_thread(topics, site, mallory, victims[0], tally, each=each)
        trial.say("signatures")
        forged = list(forgeries(victims, captured, mallory, chance=chance, each=each, whole=whole))
        await signatures(site, forged, tally, findings)
        await replays(site, captured, tally, each=each)
        trial.say("keys that ended")
        await old_key(site, tally, findings, each=each)
        findings.figures["revoked_closed_s"] = await revoked(site, tally, each=each)
        await oracle(site, victims, mallory, findings)
        findings.take(await site.settled())
    (trial.directory / "tries.json").write_text(json.dumps(tally.tries, indent=1))
    findings.figures["tries"] = sum(tally.tries.values())
    findings.figures |= {f"stopped_{at}": count for at, count in sorted(tally.stopped.items())}
    findings.figures["kinds"] = len(tally.tries)
    findings.figures["accepted"] = len(tally.accepted)
    findings.require(not tally.accepted, f"accepted: {Counter(tally.accepted)}")
    findings.require(sum(tally.tries.values()) >= LEAST_TRIES, f"fewer than {LEAST_TRIES} tries")
    return findings


def honest_traffic(site: Site, victims: list[Device]) -> dict[str, list[bytes]]:
    """Let the victims send messages in two boots and two streams; return them as whoever listens has them."""
    captured: dict[str, list[bytes]] = {}
    for device in victims:
        sent = [site.sign(device, {"temperature": f"{4 + number / 100:.2f}"}) for number in range(HONEST)]
        sent += [site.sign(device, {"battery": "90"}, stream="position") for _ in range(3)]
        device.restart()
        sent += [site.sign(device, {"temperature": "5"}) for _ in range(3)]
        deliver(site, device, sent)
        captured[device.device_id] = sent
    return captured


# --- at the handshake ------------------------------------------------------------------------------------------------


def handshakes(site: Site, victim: Device, tally: Tally, *, each: int) -> None:
    """Come with certificates that are not the victim's, or not valid."""
    for kind, files, port in strangers(site, victim):
        before = site.log("broker").count(NAMED)
        for _ in range(each):
            tally.note(kind, at="handshake" if is_refused(files, port) else "")
        if kind != WITHOUT_KEY:
            until(lambda before=before: site.log("broker").count(NAMED) > before)  # type: ignore[misc]


def strangers(site: Site, victim: Device) -> Iterator[tuple[str, TlsFiles, int]]:
    """Yield kinds of certificates and the port where they are shown."""
    name, key = victim.device_id, victim.private_key
    port, now = site.devices_port, now_utc()
    unknown = Authority.make(f"{SHIPPER} devices", organisation=SHIPPER, now=now)
    yield "certificate of an unknown authority", site.certificate(name, key, by=unknown), port
    other = Authority.make(f"{CONSIGNEE} devices", organisation=CONSIGNEE, now=now)
    foreign = site.certificate(name, key, by=other, organisation=CONSIGNEE)
    yield "certificate of another organisation", foreign, port
    yield "certificate that has expired", site.certificate(name, key, now=now - timedelta(days=3)), port
    yield "certificate not valid yet", site.certificate(name, key, now=now + timedelta(days=2)), port
    yield "its own authority, the right names", self_signed(site, victim), port
    yield "a device's certificate at our processes' listener", site.own_certificate(victim), services_port(site)
    yield "our processes' certificate at the devices' listener", site.folder.service("ingest"), port
    stolen = site.own_certificate(victim)
    other_key = site.own_certificate(Device("somebody"))
    yield WITHOUT_KEY, TlsFiles(stolen.authority, stolen.certificate, other_key.key), port


def self_signed(site: Site, victim: Device) -> TlsFiles:
    """Return a certificate with the victim's names that is its own authority."""
    made = Authority.make(victim.device_id, organisation=SHIPPER, now=now_utc())
    key = made.key
    from_ours = x509.load_pem_x509_certificate(
        site.certificate(victim.device_id, victim.private_key).certificate.read_bytes()
    )
    names = from_ours.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(from_ours.subject)
        .issuer_name(from_ours.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(from_ours.not_valid_before_utc)
        .not_valid_after(from_ours.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(names.value, critical=False)
        .sign(key, hashes.SHA256())
    )
    return site.files(pem(certificate), key)


def services_port(site: Site) -> int:
    """Where our own processes meet Mosquitto."""
    return site.deployment.broker_services_port


def is_refused(files: TlsFiles, port: int) -> bool:
    """Tell whether nobody is let in with these files."""
    try:
        with line(port, client_context(files), client_id="stranger"):
            return False
    except Exception:  # noqa: BLE001 - files that do not fit each other are refused here already
        return True


# --- at the topic ----------------------------------------------------------------------------------------------------


def topics(site: Site, mallory: Device, victim: Device, tally: Tally, *, each: int) -> None:
    """Publish, with a good certificate, where only others may. MQTT 5 says so; 3.1.1 has no such answer."""
    places = {
        "another device's topic": victim.topic,
        "another organisation's topic": messages_topic(CONSIGNEE, device_id=mallory.device_id),
        "receipts of its own": site.topic(mallory.device_id, kind="receipts"),
        "receipts of another device": site.topic(victim.device_id, kind="receipts"),
        "the broker's own topics": "$CONTROL/dynamic-security/v1",
    }
    with site.line(mallory, version=5) as own:
        for kind, topic in places.items():
            before = own.reasons[NOT_AUTHORISED]
            payloads = [json_pack({"temperature": str(number)}, observed_at_ms=1) for number in range(each)]
            own.publish((topic, payload) for payload in payloads)
            denied = own.reasons[NOT_AUTHORISED] - before
            arrived = site.count(
                "SELECT (SELECT count(*) FROM message WHERE payload = ANY (%s) AND topic = %s)"
                " + (SELECT count(*) FROM rejection WHERE payload = ANY (%s) AND topic = %s)",
                payloads,
                topic,
                payloads,
                topic,
            )
            tally.note(f"publishes to {kind}", at="topic", count=denied)
            for _ in range(each - denied + arrived):
                tally.note(f"publishes to {kind}", at="")


# --- by ingest -------------------------------------------------------------------------------------------------------


def forgeries(
    victims: list[Device],
    captured: dict[str, list[bytes]],
    mallory: Device,
    *,
    chance: random.Random,
    each: int,
    whole: int,
) -> Iterator[Forgery]:
    """Yield what is published on topics where it may be published."""
    for device in victims:
        overheard = captured[device.device_id]
        for _ in range(each):
            yield from of_a_stranger(device, chance=chance)
            yield from of_captured(device, chance.choice(overheard), chance=chance)
        for honest in chance.sample(overheard, whole):
            yield from tampered(device, honest, chance=chance)
        other = next(it for it in victims if it is not device)
        for honest in overheard[:each]:
            codes = frozenset({"wrong_key"})
            yield Forgery("captured bytes on another device's topic", other.topic, honest, codes)
            yield Forgery("captured bytes on the thief's own topic", mallory.topic, honest, codes)


async def signatures(site: Site, forged: list[Forgery], tally: Tally, findings: Findings) -> None:
    """Publish forgeries as whoever owns the broker could; each is refused, with a code that is there to be read."""

    def publish() -> None:
        with site.insider() as insider:
            insider.publish((it.topic, it.payload) for it in forged)

    await asyncio.to_thread(publish)
    wanted = {(it.topic, sha256(it.payload).digest()) for it in forged}
    named: dict[tuple[str, bytes], str] = {}

    def is_judged() -> bool:
        named.update(refusals(site, wanted))
        return len(named) == len(wanted)

    try:
        await site.until(is_judged, within_s=JUDGED_WITHIN_S)
    except AssertionError:
        findings.failures.append(f"{len(wanted) - len(named)} forgeries are named nowhere")
    for it in forged:
        code = named.get((it.topic, sha256(it.payload).digest()), "")
        tally.note(it.kind, at="ingest" if code in it.codes else "")
        findings.require(code in it.codes, f"{it.kind}: {code or 'not refused'}, expected {sorted(it.codes)[:3]}")


def refusals(site: Site, wanted: set[tuple[str, bytes]]) -> dict[tuple[str, bytes], str]:
    """Return the codes of what was refused, by topic and payload hash."""
    hashes = [payload_hash for _, payload_hash in wanted]
    rows = site.rows(
        "SELECT topic, message_hash AS hash, rejection AS code FROM message"
        " WHERE message_hash = ANY (%s) AND rejection IS NOT NULL"
        " UNION ALL SELECT topic, payload_hash, code FROM rejection WHERE payload_hash = ANY (%s)",
        hashes,
        hashes,
    )
    return {key: row["code"] for row in rows if (key := (row["topic"], bytes(row["hash"]))) in wanted}


async def replays(site: Site, captured: dict[str, list[bytes]], tally: Tally, *, each: int) -> None:
    """Publish again what was overheard, of every boot and stream: the store has it, once."""
    counted = "wayproof_ingest_messages_duplicate_total"
    before = await asyncio.to_thread(site.world.watch.counted, counted) or 0.0
    again = [(site.topic(name), payload) for name, payloads in captured.items() for payload in payloads]
    again = again[: each * len(captured)] if len(again) > each * len(captured) else again

    def publish() -> None:
        with site.insider() as insider:
            insider.publish(again)

    await asyncio.to_thread(publish)
    await site.until(lambda: (site.world.watch.counted(counted) or 0.0) - before >= len(again))
    tally.note("a real message again, of each boot and stream", at="store", count=len(again))


# --- keys that ended -------------------------------------------------------------------------------------------------


async def old_key(site: Site, tally: Tally, findings: Findings, *, each: int) -> None:
    """Sign with a key that was rotated away, beyond where it ended: refused, and the evidence is none the worse."""
    device = await site.device("f15-rotated")
    gsin = await site.attach(device, number=15)
    await asyncio.to_thread(deliver, site, device, [site.sign(device) for _ in range(5)])
    await site.settled()
    successor = Device(device.device_id, organisation=SHIPPER)
    key = Device("f15-rotated-2")
    successor.private_key, successor.spki, successor.key, successor.sign = key.private_key, key.spki, key.key, key.sign
    successor.last, successor.observed_at_ms = dict(device.last), device.observed_at_ms
    registration = site.registration(successor)
    rotation = {name: registration[name] for name in ("device_id", "algorithm", "public_key")}
    await site.submit("registrar", "rotate_device_key", rotation | {"last_positions": [device.position()]})
    keys = "SELECT count(*) FROM device_key WHERE device_id = %s"
    await site.until(lambda: site.count(keys, device.device_id) == 2)
    honest = [site.sign(successor, {"temperature": "5"}) for _ in range(each)]
    await asyncio.to_thread(deliver, site, successor, honest)
    forged = [device.next({"temperature": "99"}) for _ in range(each)]
    kind, codes = "signed with a key that was rotated away", frozenset({"key_ended"})
    await signatures(site, [Forgery(kind, device.topic, it, codes) for it in forged], tally, findings)
    await site.settled()
    report = await site.evidence(gsin)
    (check,) = [it for it in report["checks"] if it["name"] == "messages.signatures"]
    findings.require(check["status"] == "passed", f"an ended key spoils the evidence: {check}")


async def revoked(site: Site, tally: Tally, *, each: int) -> float:
    """Revoke a connected device; return after how many seconds its connection ended. Then it tries again."""
    device = await site.device("f15-revoked")
    await asyncio.to_thread(deliver, site, device, [site.sign(device) for _ in range(3)])
    loop = asyncio.get_running_loop()
    with site.line(device) as live:
        argument = {"device_id": device.device_id, "reason": "stolen", "last_positions": [device.position()]}
        await site.submit("registrar", "revoke_device", argument)
        began = loop.time()

        def listen() -> None:
            try:
                live.listen(lambda: False, within_s=CLOSED_WITHIN_S)
            except OSError:
                return

        await asyncio.to_thread(listen)
        closed_s = round(loop.time() - began, 1)
    files = site.own_certificate(device)
    for _ in range(each):
        refused = await asyncio.to_thread(is_refused, files, site.devices_port)
        tally.note("certificate that was revoked", at="handshake" if refused else "")
    return closed_s


# --- the oracle ------------------------------------------------------------------------------------------------------


async def oracle(site: Site, victims: list[Device], mallory: Device, findings: Findings) -> None:
    """Compare what is stored as accepted, of the victims, with what they sent."""
    await site.settled()
    names = [device.device_id for device in (*victims, mallory)]
    rows = site.rows(
        "SELECT device_id, stream.name AS stream, boot, sequence, message_hash"
        " FROM message JOIN stream USING (stream_id, device_id) WHERE device_id = ANY (%s)",
        names,
    )
    stored = [(it["device_id"], it["stream"], it["boot"], it["sequence"], bytes(it["message_hash"])) for it in rows]
    honest = {key for key in site.noted if key[0] in names}
    findings.require(len(stored) == len(set(stored)), "a message is stored twice")
    findings.require(set(stored) == honest, f"stored and never sent: {sorted(set(stored) - honest)[:3]}")


FAULTS = (
    Fault(
        "F15",
        "devices that are not what they say: certificates, topics, signatures, captured and changed bytes, ended keys",
        "none of at least 1,000 tries accepted, each one named",
        run,
    ),
)
