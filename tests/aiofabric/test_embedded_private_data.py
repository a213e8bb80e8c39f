"""Private data: who holds them, that they outlive a restart, what a purge leaves, and what is found to be wrong."""

from pathlib import Path

import pytest
from fabric_protos.peer import events_pb2

from aiofabric.embedded import (
    Collection,
    EmbeddedLedger,
    LedgerDamagedError,
    ProvisionError,
    RequestRefusedError,
    status,
)
from aiofabric.embedded.frames import frame
from aiofabric.embedded.private_file import PRIVATE_FILE
from support.embedded_client import Client, opened
from support.embedded_network import provision

VALID = 0
SECRET = b"a secret that only members have"
BOTH, OWN = (
    Collection("Both", ("Org1MSP", "Org2MSP")),
    Collection("Own", ("Org1MSP",), endorsement_policy="OR('Org1MSP.peer')"),
)
PRIVATE = {"assets": "support.scenario_chaincodes.private:invoke"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return provision(tmp_path / "ledger", chaincodes=PRIVATE, collections={"assets": [BOTH, OWN]})


def file_of(directory: Path, msp_id: str) -> Path:
    return directory / "organisations" / msp_id / PRIVATE_FILE


async def write(ledger: EmbeddedLedger, client: Client, key: str, *collections: str, value: bytes = SECRET) -> int:
    organisations = ["Org1MSP", "Org2MSP"] if "Both" in collections else ["Org1MSP"]
    _, code = await client.submit(
        ledger, "write", key, *collections, transient={"value": value}, organisations=organisations
    )
    return code


async def test_values_lie_with_their_members_only_and_outlive_a_restart(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        assert await write(ledger, client, "k", "Own") == VALID
        assert SECRET in file_of(directory, "Org1MSP").read_bytes()
        assert not file_of(directory, "Org2MSP").exists()
        assert await write(ledger, client, "k", "Both", value=b"for both") == VALID
    assert SECRET not in (directory / "blocks.dat").read_bytes()
    assert b"for both" in file_of(directory, "Org2MSP").read_bytes()
    async with opened(directory) as ledger:
        assert await client.evaluate(ledger, "read", "Own", "k") == SECRET
        assert await client.evaluate(ledger, "read", "Both", "k") == b"for both"
        other = Client.of(directory, "Org2MSP")
        assert await other.evaluate(ledger, "read", "Both", "k") == b"for both"
        with pytest.raises(RequestRefusedError, match="does not have read access permission"):
            await other.evaluate(ledger, "read", "Own", "k")
    assert status(directory).verified


async def test_a_purge_removes_earlier_values_from_the_files_and_a_deletion_does_not(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        for value in (b"earlier", SECRET):
            await write(ledger, client, "k", "Both", value=value)
        await write(ledger, client, "other", "Both", value=b"stays")
        await client.submit(ledger, "delete", "Both", "k")
        assert SECRET in file_of(directory, "Org2MSP").read_bytes()
        assert (await client.submit(ledger, "purge", "Both", "k"))[1] == VALID
        for msp_id in ("Org1MSP", "Org2MSP"):
            held = file_of(directory, msp_id).read_bytes()
            assert SECRET not in held
            assert b"earlier" not in held
        await write(ledger, client, "k", "Both", value=b"again")
    async with opened(directory) as ledger:  # whose blocks still have the hashes of what was purged
        assert await client.evaluate(ledger, "read", "Both", "k") == b"again"
        assert await client.evaluate(ledger, "read", "Both", "other") == b"stays"


async def test_a_purge_that_a_crash_prevented_is_done_at_the_next_start(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        await write(ledger, client, "k", "Own")
        before = file_of(directory, "Org1MSP").read_bytes()
        number, _ = await client.submit(ledger, "purge", "Own", "k", organisations=["Org1MSP"])
        purging = ledger.private_data(number, msp_id="Org1MSP")
    stored = events_pb2.BlockAndPrivateData(private_data_map=purging).SerializeToString()
    file_of(directory, "Org1MSP").write_bytes(before + frame(number, stored))
    assert status(directory).verified  # looking changes nothing
    assert SECRET in file_of(directory, "Org1MSP").read_bytes()
    async with opened(directory) as ledger:
        assert SECRET not in file_of(directory, "Org1MSP").read_bytes()


async def test_what_was_written_for_a_block_that_never_was_is_dropped(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        await write(ledger, client, "k", "Own")
        height = ledger.height
    path = file_of(directory, "Org1MSP")
    sound = path.read_bytes()
    for left_over in (frame(height, b""), frame(height, b"")[:11]):
        path.write_bytes(sound + left_over)
        async with opened(directory) as ledger:
            assert path.read_bytes() == sound
            assert await client.evaluate(ledger, "read", "Own", "k") == SECRET


@pytest.mark.parametrize("damage", ["flipped", "gone", "changed"])
async def test_damaged_private_data_are_refused(directory: Path, damage: str) -> None:
    async with opened(directory) as ledger:
        await write(ledger, Client.of(directory), "k", "Own")
    path = file_of(directory, "Org1MSP")
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "flipped":
        path.write_bytes(content.replace(SECRET, SECRET.upper()))
    else:  # with the checksum that belongs to it
        path.write_bytes(frame(1, content[20:].replace(SECRET, SECRET.upper())))
    words = {"flipped": "checksum", "gone": "block 1 are missing", "changed": "not those that its hashes say"}
    with pytest.raises(LedgerDamagedError, match=words[damage]):
        async with opened(directory):
            pass
    assert words[damage] in status(directory).problem


async def test_private_data_endorsed_before_a_restart_are_missing_after_it(directory: Path) -> None:
    client = Client.of(directory)
    async with opened(directory) as ledger:
        envelope = await client.endorse(
            ledger, "write", "k", "Own", transient={"value": SECRET}, organisations=["Org1MSP"]
        )
    async with opened(directory) as ledger:
        assert (await client.commit(ledger, envelope))[1] == VALID
        with pytest.raises(RequestRefusedError, match="private data matching public hash version is not available"):
            await client.evaluate(ledger, "read", "Own", "k")
        assert await write(ledger, client, "k", "Own", value=b"written again") == VALID
        assert await client.evaluate(ledger, "read", "Own", "k") == b"written again"
    assert status(directory).verified


async def test_invalid_transactions_leave_no_private_data(directory: Path) -> None:
    async with opened(directory) as ledger:
        client = Client.of(directory)
        _, code = await client.submit(
            ledger, "write", "k", "Both", transient={"value": SECRET}, organisations=["Org1MSP"]
        )
        assert code != VALID
        assert not file_of(directory, "Org1MSP").exists()


async def test_only_members_may_write_where_the_collection_says_so(directory: Path) -> None:
    async with opened(directory) as ledger:
        stranger = Client.of(directory, "Org2MSP")
        with pytest.raises(RequestRefusedError) as refusal:
            await stranger.endorse(ledger, "write", "k", "Own", transient={"value": SECRET})
        words = "does not have write access permission on privatedata in chaincodeName:assets collectionName: Own"
        assert refusal.value.details[0].message.endswith(words)


@pytest.mark.parametrize(
    ("collections", "words"),
    [
        ({"absent": [BOTH]}, "no chaincode of the ledger"),
        ({"assets": [BOTH, BOTH]}, "given twice"),
        ({"assets": [Collection("a b", ("Org1MSP",))]}, "'a b'"),
        ({"assets": [Collection("c", ())]}, "give members"),
        ({"assets": [Collection("c", ("Org9MSP",))]}, "give members"),
        ({"assets": [Collection("c", ("Org1MSP",), endorsement_policy="OR('Org9MSP.peer')")]}, "Org9MSP"),
        ({"assets": [Collection("c", ("Org1MSP",), endorsement_policy="Org1MSP")]}, "neither AND, OR or OutOf"),
    ],
)
def test_collections_that_cannot_be(tmp_path: Path, collections: dict[str, list[Collection]], words: str) -> None:
    with pytest.raises(ProvisionError, match=words):
        provision(tmp_path / "ledger", chaincodes=PRIVATE, collections=collections)
    assert not (tmp_path / "ledger").exists()
