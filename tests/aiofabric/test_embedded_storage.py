"""What is on disk: damage is named and refused, a torn last write is moved aside, nothing is repaired silently."""

import logging
import random
import shutil
import struct
import zlib
from pathlib import Path

import pytest
from fabric_protos.common import common_pb2

from aiofabric.embedded import LedgerDamagedError, LedgerInUseError, ProvisionError, RequestRefusedError, status
from aiofabric.embedded.storage import BLOCK_FILE, MAGIC, BlockFile
from support.embedded_client import Client, opened
from support.embedded_network import provision

HEADER = 20
SAMPLES = 60


@pytest.fixture
async def written(tmp_path: Path) -> Path:
    """Return a ledger of genesis and four blocks."""
    directory = tmp_path / "ledger"
    async with opened(directory) as ledger:
        client = Client.of(directory)
        for value in range(3):
            await client.submit(ledger, "add", "k", str(value))
        await client.submit(ledger, "put", "other", "x")
    return directory


def frames(path: Path) -> list[tuple[int, int]]:
    """Return offset and end of every frame."""
    content, position, found = path.read_bytes(), len(MAGIC), []
    while position < len(content):
        _, length, _ = struct.unpack_from(">QII", content, position)
        found.append((position, position + HEADER + length))
        position += HEADER + length
    return found


async def expect_refusal(directory: Path, *words: str) -> None:
    before = contents(directory)
    with pytest.raises(LedgerDamagedError) as refusal:
        async with opened(directory):
            pass
    for word in words:
        assert word in str(refusal.value)
    assert contents(directory) == before


def contents(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


async def test_any_flipped_byte_is_refused_with_file_block_and_offset(written: Path) -> None:
    path = written / BLOCK_FILE
    sound = path.read_bytes()
    parts = frames(path)
    random_bytes = random.Random(20261124)  # noqa: S311 - a seeded sample
    every_header = [begin + offset for begin, _ in parts for offset in range(HEADER)]
    for offset in [*every_header, *(random_bytes.randrange(len(MAGIC), len(sound)) for _ in range(SAMPLES))]:
        changed = bytearray(sound)
        changed[offset] ^= 1 << random_bytes.randrange(8)
        path.write_bytes(changed)
        number = next(index for index, (begin, end) in enumerate(parts) if begin <= offset < end)
        found = status(written)
        assert not found.verified
        assert f"{path}: block {number} at offset " in found.problem
        assert "is damaged" in found.problem
    await expect_refusal(written, str(path), f"block {number} ", "Nothing was changed")


@pytest.mark.parametrize("offset", range(len(MAGIC)))
async def test_a_file_that_is_no_block_file_is_refused(written: Path, offset: int) -> None:
    path = written / BLOCK_FILE
    changed = bytearray(path.read_bytes())
    changed[offset] ^= 0x20
    path.write_bytes(changed)
    await expect_refusal(written, str(path), "does not begin as a block file")


@pytest.mark.parametrize("missing", [1, 19, 21, 500])
async def test_a_torn_last_frame_is_moved_aside_loudly(
    written: Path, missing: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = written / BLOCK_FILE
    sound = path.read_bytes()
    begin, end = frames(path)[-1]
    kept = sound[begin : end - missing] if missing < 21 else sound[begin : begin + missing - 20]
    path.write_bytes(sound[:begin] + kept)
    assert status(written).torn_bytes == len(kept)  # looking changes nothing
    assert path.read_bytes() == sound[:begin] + kept
    async with opened(written) as ledger:
        assert ledger.height == 4
        aside = written / f"{BLOCK_FILE}.torn-block-4-at-{begin}"
        assert aside.read_bytes() == kept
        assert path.read_bytes() == sound[:begin]
        (record,) = [record for record in caplog.records if record.name == "aiofabric.embedded.storage"]
        assert record.levelno == logging.WARNING
        assert aside.name in record.getMessage()
        assert await Client.of(written).submit(ledger, "put", "other", "again") == (4, 0)
    assert status(written).verified


async def test_a_frame_cut_in_the_middle_of_the_file_is_damage(written: Path) -> None:
    path = written / BLOCK_FILE
    sound = path.read_bytes()
    _, end = frames(path)[2]
    path.write_bytes(sound[: end - 10] + sound[end:])
    await expect_refusal(written, "block 2 at offset")


@pytest.mark.parametrize("change", ["swapped", "left out", "repeated"])
async def test_blocks_in_another_order_are_refused(written: Path, change: str) -> None:
    path = written / BLOCK_FILE
    sound = path.read_bytes()
    parts = [sound[begin:end] for begin, end in frames(path)]
    order = {"swapped": [0, 2, 1, 3, 4], "left out": [0, 2, 3, 4], "repeated": [0, 1, 1, 2, 3, 4]}[change]
    path.write_bytes(MAGIC + b"".join(parts[number] for number in order))
    await expect_refusal(written, "is damaged", "the frame says block")


def rewrite(path: Path, number: int, block: common_pb2.Block) -> None:
    """Replace a block, with checksums that fit: damage that only the contents can show."""
    parts = [path.read_bytes()[begin:end] for begin, end in frames(path)]
    body = block.SerializeToString()
    fields = struct.pack(">QII", number, len(body), zlib.crc32(body))
    parts[number] = fields + zlib.crc32(fields).to_bytes(4, "big") + body
    path.write_bytes(MAGIC + b"".join(parts))


def block_of(path: Path, number: int) -> common_pb2.Block:
    begin, end = frames(path)[number]
    return common_pb2.Block.FromString(path.read_bytes()[begin + HEADER : end])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("number", "its header says block 7"),
        ("previous", "previous hash"),
        ("data", "do not match their hash"),
        ("signature", "no valid signature of the channel's orderer"),
        ("unsigned", "no valid signature of the channel's orderer"),
        ("code", "another validation code"),
        ("no code", "another validation code"),
        ("more codes", "another validation code"),
        ("no metadata", "cannot be read"),
    ],
)
async def test_changes_with_fitting_checksums_are_found_by_what_they_say(
    written: Path, change: str, words: str
) -> None:
    path = written / BLOCK_FILE
    block = block_of(path, 2)
    metadata = common_pb2.Metadata.FromString(block.metadata.metadata[0])
    if change == "number":
        block.header.number = 7
    elif change == "previous":
        block.header.previous_hash = b"x" * 32
    elif change == "data":
        block.data.data.append(block.data.data[0])
    elif change == "signature":
        signature = metadata.signatures[0].signature
        metadata.signatures[0].signature = signature[:-1] + bytes([signature[-1] ^ 1])
        block.metadata.metadata[0] = metadata.SerializeToString()
    elif change == "unsigned":
        block.metadata.metadata[0] = common_pb2.Metadata(value=metadata.value).SerializeToString()
    elif change == "no metadata":
        del block.metadata.metadata[:]
    else:
        block.metadata.metadata[2] = {"code": b"\x0b", "no code": b"", "more codes": b"\0\0"}[change]
    rewrite(path, 2, block)
    await expect_refusal(written, "block 2 at offset", words)


async def test_another_ledgers_blocks_are_refused(written: Path, tmp_path: Path) -> None:
    other = provision(tmp_path / "other")
    shutil.copy(other / BLOCK_FILE, written / BLOCK_FILE)
    await expect_refusal(written, "block 0 at offset", "not the genesis block")
    shutil.copy(other / "genesis.block", written / "genesis.block")
    await expect_refusal(written, "genesis.block has another hash")


@pytest.mark.parametrize("content", [None, b"", MAGIC])
async def test_a_missing_or_empty_block_file_is_refused(written: Path, content: bytes | None) -> None:
    path = written / BLOCK_FILE
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    await expect_refusal(written, BLOCK_FILE)


async def test_two_cannot_open_one_directory(written: Path) -> None:
    async with opened(written):
        with pytest.raises(LedgerInUseError, match="another process"):
            async with opened(written):
                pass
        assert status(written).verified
    async with opened(written) as ledger:
        assert ledger.height == 5


async def test_a_ledger_whose_disk_fails_stops_and_reports_nothing(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(written) as ledger:
        client = Client.of(written)
        envelope = await client.endorse(ledger, "put", "k", "lost")

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(BlockFile, "append", fail)
            with pytest.raises(RequestRefusedError) as refusal:
                await client.commit(ledger, envelope)
            assert refusal.value.code.name == "UNAVAILABLE"
        with pytest.raises(RequestRefusedError, match="No space left on device"):
            await ledger.submit(client.submit_request(envelope))
    async with opened(written) as ledger:
        assert await client.evaluate(ledger, "get", "k") == b"3"
        assert (await client.commit(ledger, envelope))[1] == 0


def test_no_ledger_is_made_over_anything(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(ProvisionError, match="is not empty"):
        provision(tmp_path)
    with pytest.raises(ProvisionError, match="holds no ledger"):
        status(tmp_path)
