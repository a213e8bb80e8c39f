"""Kill the processes of a real Fabric network under load, and its client between any two steps, again and again.

`python tests/faults/fabric_kills.py --kills 55 --seed 1 --directory DIR` makes a network in DIR (four BFT orderers,
three peers with a chaincode server each), lets clients of two organisations work on it, and kills one process after
another: an orderer that follows, the one that leads, a client's own peer, another peer, chaincode servers, and a client
at each of its fail points. After every `--audit-every` kills the load stops in order and everything is compared: blocks
of all peers, journals of the clients, histories of the keys. A run that was stopped goes on with `--resume`; `--from`
begins with a later kill. What a kill does follows from seed and number alone.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a program: the tests' support is beside this folder

from aiofabric.network import Binaries, BinariesMissingError, Network
from aiofabric.network.health import height, leads, wait_until
from support.fabric_audit import Audit, audit
from support.fabric_client import FAIL_POINTS
from support.fabric_load import CLIENTS, Load
from support.fabric_network import CHAINCODE, HOW_TO_GET, FabricNetwork, find_fabric, running_fabric

FOLLOWER, LEADER = "orderer that follows", "orderer that leads"
OWN_PEER, OTHER_PEER = "client's own peer", "another peer"
OWN_CHAINCODE, OTHER_CHAINCODE = "client's own chaincode server", "another chaincode server"
CLIENT = "client"
PLANS = (
    *((victim, "") for victim in (FOLLOWER, LEADER, OWN_PEER, OTHER_PEER, OWN_CHAINCODE, OTHER_CHAINCODE)),
    *((CLIENT, point) for point in (*FAIL_POINTS, "")),
)
NOBODYS = "Org3MSP"

LONGEST_PAUSE_S = 3.0
LONGEST_PAUSE_OF_LEADER_S = 15.0
"""Longer than the 10 s after which the others choose a new one: some come back before, some after."""

SETTLED_S = 30.0
"""How long a killed leader is watched: after one that came back soon, ordering may halt once more."""

REACHED_WITHIN_S = 15.0
AGREED_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """After one kill: seconds from the victim's start until it was of use, and the longest that a client waited."""

    back_s: float
    silence_s: float


@dataclass(slots=True)
class Tally:
    """What a run did."""

    recoveries: dict[str, list[Recovery]] = field(default_factory=lambda: defaultdict(list))
    not_reached: list[str] = field(default_factory=list)
    audits: list[Audit] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """How many processes were killed."""
        return sum(map(len, self.recoveries.values()))

    def save(self, path: Path, *, following: int) -> None:
        """Note what was done, and the number of the kill that comes next."""
        recoveries = {what: [[one.back_s, one.silence_s] for one in each] for what, each in self.recoveries.items()}
        path.write_text(
            json.dumps({"next": following, "recoveries": recoveries, "not_reached": self.not_reached}), "utf-8"
        )

    def load(self, path: Path) -> int:
        """Take up what an earlier run noted; return the number of the kill that comes next."""
        noted = json.loads(path.read_text("utf-8"))
        for what, recoveries in noted["recoveries"].items():
            self.recoveries[what] = [Recovery(back_s, silence_s) for back_s, silence_s in recoveries]
        self.not_reached = noted["not_reached"]
        return int(noted["next"])


class Faults:
    """A network under load, and what is done to it."""

    def __init__(self, fabric: FabricNetwork, load: Load) -> None:
        self._fabric = fabric
        self._network = fabric.network
        self._load = load

    async def kill(self, victim: str, point: str, chance: random.Random) -> Recovery | None:
        """Kill and start again; None if the fail point was not reached. Returns when every client is served again."""
        await asyncio.sleep(chance.uniform(0.5, 2.0))
        if victim == CLIENT:
            return await self._kill_client(point, chance)
        name = await self._name(victim, chance)
        pause_s = chance.uniform(0.1, LONGEST_PAUSE_OF_LEADER_S if victim == LEADER else LONGEST_PAUSE_S)
        killed_at_s = time.time()
        self._network.kill(name)
        await asyncio.sleep(pause_s)
        started = time.monotonic()
        await self._network.restart(name)
        await self._caught_up(name)
        back_s = time.monotonic() - started
        if victim == LEADER:
            await asyncio.sleep(SETTLED_S)
        return await self._recovery(CLIENTS, killed_at_s=killed_at_s, back_s=back_s)

    async def agree(self) -> None:
        """Return when every node has all blocks; nobody works on the network. Raises ProcessError."""

        async def all_the_same() -> bool:
            return len(set((await self._heights()).values())) == 1

        await wait_until(all_the_same, what="not every node has every block", timeout_s=AGREED_WITHIN_S)

    async def _kill_client(self, point: str, chance: random.Random) -> Recovery | None:
        msp_id = chance.choice(CLIENTS)
        pause_s = chance.uniform(0.1, LONGEST_PAUSE_S)
        if not await self._load.kill(msp_id, point=point, within_s=REACHED_WITHIN_S):
            return None
        killed_at_s = time.time()
        await asyncio.sleep(pause_s)
        started = time.monotonic()
        await self._load.begin(msp_id)
        await self._load.served(since_s=killed_at_s)
        return await self._recovery((msp_id,), killed_at_s=killed_at_s, back_s=time.monotonic() - started)

    async def _recovery(self, clients: tuple[str, ...], *, killed_at_s: float, back_s: float) -> Recovery:
        await self._load.served(since_s=time.time())
        return Recovery(back_s, self._load.longest_silence_s(killed_at_s=killed_at_s, msp_ids=clients))

    async def _name(self, victim: str, chance: random.Random) -> str:
        if victim in (FOLLOWER, LEADER):
            leader = await self._leader()
            followers = [orderer.name for orderer in self._network.description.plan.orderers if orderer.name != leader]
            return leader if victim == LEADER else chance.choice(followers)
        msp_id = chance.choice(CLIENTS) if victim in (OWN_PEER, OWN_CHAINCODE) else NOBODYS
        return f"peer.{msp_id}" if victim in (OWN_PEER, OTHER_PEER) else f"chaincode.{CHAINCODE}.{msp_id}"

    async def _leader(self) -> str:
        leaders: list[str] = []

        async def is_there() -> bool:
            orderers = self._network.description.plan.orderers
            said = [await leads(orderer.operations_port, channel=self._network.channel) for orderer in orderers]
            leaders.extend(orderer.name for orderer, is_leader in zip(orderers, said, strict=True) if is_leader)
            return bool(leaders)

        await wait_until(is_there, what="no orderer leads", timeout_s=AGREED_WITHIN_S)
        return leaders[0]

    async def _caught_up(self, name: str) -> None:
        """Return when a node has the blocks that any other had when it was up again; at once for chaincode."""
        heights = await self._heights()

        async def has_them() -> bool:
            return name not in heights or (await self._heights())[name] >= max(heights.values())

        await wait_until(has_them, what=f"{name} does not catch up", timeout_s=AGREED_WITHIN_S)

    async def _heights(self) -> dict[str, int]:
        """Return how many blocks each peer and orderer says that it has."""
        nodes = self._network.description.plan.nodes
        found = [await height(node.operations_port, channel=self._network.channel) for node in nodes]
        return {node.name: blocks or 0 for node, blocks in zip(nodes, found, strict=True)}


def plan_of(seed: int, number: int) -> tuple[str, str, random.Random]:
    """Return victim, fail point ("" for any moment) and chance of a kill: every plan comes once in every round."""
    rounds, place = divmod(number, len(PLANS))
    order = list(PLANS)
    random.Random(f"{seed}/{rounds}").shuffle(order)  # noqa: S311 - repeatable
    return (*order[place], random.Random(f"{seed}/{number}"))  # noqa: S311 - repeatable


@asynccontextmanager
async def fabric_in(directory: Path, *, binaries: Binaries, resume: bool) -> AsyncIterator[FabricNetwork]:
    """Make a network in a folder, or start the one that is there."""
    if not resume:
        async with running_fabric(directory, binaries=binaries) as fabric:
            yield fabric
        return
    async with Network.open(directory) as network:
        await network.start()
        yield FabricNetwork(network)


async def run(
    directory: Path, *, binaries: Binaries, kills: range, seed: int, audit_every: int, resume: bool = False
) -> Tally:
    """Kill and audit. Raises AssertionError where something is lost, doubled, wrong, or does not come back.

    With ``resume`` it goes on in the folder of an earlier run, after its last audit.
    """
    tally, audited, progress = Tally(), set[str](), directory / "progress.json"
    if resume and progress.exists():
        kills = range(tally.load(progress), kills.stop)
    async with fabric_in(directory / "network", binaries=binaries, resume=resume) as fabric:
        load = Load(fabric.directory, directory=directory)
        faults = Faults(fabric, load)
        try:
            for first in range(kills.start, kills.stop, audit_every):
                began_s = time.time()
                await load.begin()
                await load.served(since_s=began_s)
                for number in range(first, min(first + audit_every, kills.stop)):
                    await _one_kill(faults, tally, seed=seed, number=number)
                await load.end()
                await faults.agree()
                tally.audits.append(await audit(fabric, load.journals, audited=audited))
                say(f"  audit: {tally.audits[-1]}")
                if tally.audits[-1].wrong:
                    raise AssertionError("\n".join(tally.audits[-1].wrong[:20]))
                tally.save(progress, following=min(first + audit_every, kills.stop))
        finally:
            await load.stop()
    return tally


async def _one_kill(faults: Faults, tally: Tally, *, seed: int, number: int) -> None:
    victim, point, chance = plan_of(seed, number)
    what = f"{victim} {point.replace('_', ' ') or 'at any moment'}" if victim == CLIENT else victim
    recovery = await faults.kill(victim, point, chance)
    if recovery is None:
        tally.not_reached.append(what)
        say(f"kill {number} (seed {seed}): {what}: not reached")
        return
    tally.recoveries[what].append(recovery)
    say(f"kill {number} (seed {seed}): {what}: back in {recovery.back_s:.1f} s, silence {recovery.silence_s:.1f} s")


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(text, flush=True)


def table(tally: Tally) -> str:
    """Return what was killed how often, and how long it took to recover, as Markdown."""
    lines = [
        "| killed | times | back after its start: median, longest | longest silence for a client: median, longest |",
        "|---|--:|--:|--:|",
    ]
    for what, recoveries in sorted(tally.recoveries.items()):
        back, silence = [one.back_s for one in recoveries], [one.silence_s for one in recoveries]
        lines.append(
            f"| {what} | {len(recoveries)} | {statistics.median(back):.1f} s, {max(back):.1f} s "
            f"| {statistics.median(silence):.1f} s, {max(silence):.1f} s |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the long form and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=55, help="the number of the last kill (default 55)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the number of the first kill (default 0)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--audit-every", type=int, default=len(PLANS))
    parser.add_argument("--resume", action="store_true", help="go on in the directory of an earlier run")
    options = parser.parse_args()
    try:
        binaries = find_fabric()
    except BinariesMissingError as error:
        sys.exit(f"{error} ({HOW_TO_GET})")
    options.directory.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    tally = asyncio.run(
        run(
            options.directory,
            binaries=binaries,
            kills=range(options.first, options.kills),
            seed=options.seed,
            audit_every=options.audit_every,
            resume=options.resume,
        )
    )
    say(f"{tally.kills} kills, the last part took {time.monotonic() - began:.0f} s; not reached:")
    say(f"{', '.join(tally.not_reached) or 'none'}\n{table(tally)}\n{tally.audits[-1] if tally.audits else ''}")


if __name__ == "__main__":
    main()
