"""F9: payloads that nobody should read: a corpus, and what hypothesis thinks of, each between two honest messages.

Each is acknowledged, stands in the dead letters with a stable code, and leaves its neighbours in the group alone. What
the code must be, the verifier's decoder says; ingest's own fast one has to agree. Then ingest is started again: nothing
comes a second time.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from support.deliveries import deliver
from support.faults import Fault, Trial
from support.findings import Findings
from support.platform import SHIPPER
from support.site import Site, attacked
from support.telemetry_cases import REFUSED_PACKS
from support.telemetry_cbor import write
from support.telemetry_device import Device
from support.telemetry_envelopes import PACK, header, seal
from support.telemetry_inputs import HOSTILE, VALID
from wayproof_verifier.telemetry import Message, decode, verify
from wayproof_verifier.telemetry.message import MAX_PAYLOAD_BYTES

SHORT, LONG = 150, 20_000
"""Payloads that hypothesis thinks of."""
MIB = 1 << 20
MOST_GROWTH_MIB = 192
"""Of ingest's memory: groups of at most 8 MiB of payloads, a few of them at once, and what decoding takes."""
JUDGED_WITHIN_S = 120.0
INGEST = f"ingest-{SHIPPER}"
RECEIVED = "wayproof_ingest_messages_received_total"
PROBES = 200
"""Messages of our own that ask whether ingest listens."""
LONGEST_BYTES = MIB - 200
"""Beyond it Mosquitto closes the connection (F10)."""


async def run(trial: Trial) -> Findings:
    """Publish every payload between honest messages, and see what became of each."""
    findings = Findings()
    async with trial.world() as world, attacked(world) as site:
        device = await site.device("f9-reefer")
        payloads = corpus(device, count=LONG if trial.is_long else SHORT, number=trial.seed)
        chance = random.Random(f"{trial.seed}/F9")  # noqa: S311 - repeatable
        chance.shuffle(payloads)
        starts = site.supervisor.starts(INGEST)
        before = site.process("ingest").memory_info().rss
        world.watch.begin()
        honest = await asyncio.to_thread(publish, site, device, payloads)
        wanted = {payload: expected(device, payload) for payload in payloads}
        refused = {payload for payload, code in wanted.items() if code}
        trial.say(f"{len(payloads)} payloads, {len(refused)} to be refused")
        await judged(site, refused, findings)
        await asyncio.to_thread(deliver, site, device, honest)
        codes = compare(site, device, wanted, findings)
        findings.require(site.supervisor.starts(INGEST) == starts, "ingest ended by itself")
        growth_mib = float(world.watch.figures()["max_rss_ingest_mib"]) - before / MIB
        findings.require(growth_mib < MOST_GROWTH_MIB, f"ingest took {growth_mib:.0f} MiB more")
        await nothing_comes_again(site, findings)
        findings.take(await site.settled())
        findings.figures |= {
            "payloads": len(payloads),
            "refused_payloads": len(refused),
            "codes": len(codes),
            "neighbours": len(honest),
            "rss_growth_mib": round(growth_mib, 1),
        }
    return findings


def corpus(device: Device, *, count: int, number: int) -> list[bytes]:
    """Return what is known to be bad, and so many payloads more."""
    known = [payload for _, payload in HOSTILE.values() if len(payload) < LONGEST_BYTES]
    known += [pack.encode() for _, pack in REFUSED_PACKS]
    known += [b"", b"\x00", PACK, bytes(MAX_PAYLOAD_BYTES + 1), b"\xd2", write({}), write([])]
    made: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(payloads(device))
    def think(payload: bytes) -> None:
        made.append(payload)

    think()
    return list(dict.fromkeys([*known, *made]))


def payloads(device: Device) -> st.SearchStrategy[bytes]:
    """Return bytes of every kind: random, broken JSON and CBOR, valid ones changed, truly signed nonsense."""
    numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([2**53, 2**63, -(2**64), 1e308]))
    plain = st.one_of(numbers, st.booleans(), st.text(max_size=20), st.binary(max_size=20))
    names = st.one_of(st.sampled_from([-4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8]), st.text(max_size=4))
    trees = st.recursive(plain, lambda it: st.lists(it, max_size=4) | st.dictionaries(names, it, max_size=4))
    items = trees.map(written)
    text = st.recursive(
        st.sampled_from(["NaN", "-Infinity", "1e400", "01", "-0", "true", "null", '"\\ud800"', '"a"', "9" * 40]),
        lambda it: (
            st.lists(it, max_size=4).map(lambda parts: f"[{','.join(parts)}]")
            | st.lists(it, max_size=4).map(lambda parts: f'[{{"n":"a","v":{",".join(parts)}}}]')
        ),
    ).map(str.encode)
    changed = st.tuples(st.sampled_from(VALID), st.integers(0, 1 << 12), st.binary(max_size=4)).map(
        lambda it: it[0][: it[1] % len(it[0])] + it[2] + it[0][it[1] % len(it[0]) + len(it[2]) :]
    )
    labels = st.sampled_from(["alg", "type", "seq", "boot", "prev", "stream", "after", "x"])
    headers = st.dictionaries(labels, st.one_of(plain, st.none()), min_size=1, max_size=2)
    signed = st.tuples(headers, items | text).map(lambda it: seal(device, written(header(device, **it[0])), it[1]))
    lengths = st.tuples(st.sampled_from(b"\x5b\x7b\x9b\xbb\xdb"), st.integers(0, 2**64 - 1)).map(
        lambda it: b"\xd2\x84" + bytes([it[0]]) + it[1].to_bytes(8)
    )
    return st.one_of(st.binary(max_size=200), items, text, changed, signed, lengths)


def written(value: object) -> bytes:
    """Write a value as CBOR; one too large for it as no item at all."""
    try:
        return write(value)
    except (OverflowError, TypeError, UnicodeEncodeError):
        return b"\xff"


def publish(site: Site, device: Device, payloads: Sequence[bytes]) -> list[bytes]:
    """Publish each payload between honest messages, on the device's topic; return those, for the device to repeat."""
    honest: list[bytes] = []
    with site.line(device) as own:
        for start in range(0, len(payloads), 20):
            block = []
            for payload in payloads[start : start + 20]:
                honest.append(site.sign(device))
                block += [(device.topic, payload), (device.topic, honest[-1])]
            own.publish(block)
    return honest


def expected(device: Device, payload: bytes) -> str:
    """Return the code that a payload is refused with, empty for one that is accepted."""
    message = decode(payload, topic=device.topic)
    if not isinstance(message, Message):
        return message.code
    if message.envelope is None:
        return "not_signed"
    rejection = verify(message, key=device.key)
    return rejection.code if rejection else ""


async def judged(site: Site, refused: set[bytes], findings: Findings) -> None:
    """Wait until everything that is to be refused is among the dead letters."""
    hashes = [sha256(payload).digest() for payload in refused]
    query = (
        "SELECT (SELECT count(*) FROM message WHERE rejection IS NOT NULL AND message_hash = ANY (%s))"
        " + (SELECT count(*) FROM rejection WHERE payload_hash = ANY (%s))"
    )
    try:
        await site.until(lambda: site.count(query, hashes, hashes) == len(hashes), within_s=JUDGED_WITHIN_S)
    except AssertionError:
        findings.failures.append(f"{len(hashes) - site.count(query, hashes, hashes)} payloads are named nowhere")


def compare(site: Site, device: Device, wanted: dict[bytes, str], findings: Findings) -> Counter[str]:
    """Hold the codes of the dead letters against the expected ones."""
    rows = site.rows(
        "SELECT message_hash AS hash, rejection AS code FROM message WHERE rejection IS NOT NULL AND device_id = %s"
        " UNION ALL SELECT payload_hash, code FROM rejection WHERE topic = %s",
        device.device_id,
        device.topic,
    )
    named = {bytes(row["hash"]): row["code"] for row in rows}
    for payload, code in wanted.items():
        found = named.get(sha256(payload).digest(), "")
        findings.require(found == code, f"{payload[:40]!r}: {found or 'accepted'}, expected {code or 'accepted'}")
    accepted = [payload for payload, code in wanted.items() if not code]
    for payload in accepted:  # by chance one that is well formed and truly signed: it counts as sent
        message = decode(payload, topic=device.topic)
        assert isinstance(message, Message)
        site.noted.add((device.device_id, message.stream, message.boot, message.sequence, message.message_hash))
    return Counter(named.values())


async def nothing_comes_again(site: Site, findings: Findings) -> None:
    """Kill ingest and let it start again: had anything not been acknowledged, it would come again."""
    query = "SELECT coalesce(sum(times), 0) FROM rejection"
    before = await asyncio.to_thread(site.count, query)
    pid = site.process("ingest").pid
    os.kill(pid, signal.SIGKILL)
    await site.until(lambda: site.supervisor.pid(INGEST) not in {pid, None})
    await site.until(lambda: site.world.watch.counted(RECEIVED) is not None)
    received = await asyncio.to_thread(site.world.watch.counted, RECEIVED) or 0.0
    await site.until(site.is_heard)
    after = await asyncio.to_thread(site.count, query)
    findings.require(received <= 1, f"{received:.0f} messages came again")
    findings.require(after - before <= PROBES, f"{after - before} refusals came again")


FAULTS = (
    Fault(
        "F9",
        "payloads that nobody should read: a corpus, and what hypothesis thinks of",
        "each refused with its code and acknowledged; neighbours stored; memory bounded",
        run,
    ),
)
