"""Checkpoints: the official file form, read from both official clients, replaced whole."""

import json
import os
from pathlib import Path

import pytest

from aiofabric.errors import CheckpointError
from aiofabric.gateway import ChaincodeEvent, FileCheckpointer, InMemoryCheckpointer

EVENT = ChaincodeEvent(block_number=7, transaction_id="tx", chaincode_name="assets", event_name="Put", payload=b"")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.json"


def folder(path: Path) -> dict[str, object]:
    """Return what lies in the checkpoint's folder: its file, and nothing left aside."""
    return {file.name: json.loads(file.read_bytes()) for file in path.parent.iterdir()}


async def test_a_position_in_memory() -> None:
    checkpointer = InMemoryCheckpointer()
    assert (checkpointer.block_number, checkpointer.transaction_id) == (0, "")
    await checkpointer.checkpoint_transaction(5, transaction_id="tx")
    assert (checkpointer.block_number, checkpointer.transaction_id) == (5, "tx")
    await checkpointer.checkpoint_block(5)
    assert (checkpointer.block_number, checkpointer.transaction_id) == (6, "")
    await checkpointer.checkpoint_chaincode_event(EVENT)
    assert (checkpointer.block_number, checkpointer.transaction_id) == (7, "tx")


async def test_a_position_in_a_file_outlives_its_checkpointer(path: Path) -> None:
    await FileCheckpointer(path).checkpoint_chaincode_event(EVENT)
    again = FileCheckpointer(path)
    assert (again.block_number, again.transaction_id) == (7, "tx")
    await again.checkpoint_block(7)
    assert folder(path) == {path.name: {"blockNumber": 8, "transactionId": ""}}


def test_no_file_is_no_position(path: Path) -> None:
    checkpointer = FileCheckpointer(path)
    assert (checkpointer.block_number, checkpointer.transaction_id) == (0, "")
    assert not path.exists()


@pytest.mark.parametrize(
    ("content", "position"),
    [
        pytest.param(b'{"blockNumber":7,"transactionId":"tx"}', (7, "tx"), id="go"),
        pytest.param(b'{"blockNumber":"7","transactionId":"tx"}', (7, "tx"), id="node"),
        pytest.param(b'{"blockNumber":"8"}', (8, ""), id="node-after-a-block"),
        pytest.param(b"{}", (0, ""), id="node-new"),
    ],
)
def test_official_files_are_read(path: Path, content: bytes, position: tuple[int, str]) -> None:
    path.write_bytes(content)
    checkpointer = FileCheckpointer(path)
    assert (checkpointer.block_number, checkpointer.transaction_id) == position


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"7", b'{"blockNumber":"seven"}', b'{"blockNumber":-1}', b'{"transactionId":7}', b"\xff"]
)
def test_a_damaged_file_is_refused_not_ignored(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checkpoint\.json"):
        FileCheckpointer(path)


async def test_a_failed_write_keeps_the_old_position(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpointer = FileCheckpointer(path)
    await checkpointer.checkpoint_block(3)
    monkeypatch.setattr(os, "fsync", _disk_full)
    with pytest.raises(OSError, match="no space"):
        await checkpointer.checkpoint_block(4)
    assert checkpointer.block_number == FileCheckpointer(path).block_number == 4
    assert folder(path) == {path.name: {"blockNumber": 4, "transactionId": ""}}


def _disk_full(_: int) -> None:
    raise OSError(28, "no space left on device")
