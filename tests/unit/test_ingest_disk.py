"""The disk's watermark: below it nothing is taken on, and everybody who asks is told."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from wayproof.ingest import disk
from wayproof.ingest.disk import FREE, Disk
from wayproof.observability.health import HEALTH

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024 - as shutil has it


def test_without_a_folder_there_is_always_room() -> None:
    assert Disk(None, min_free_bytes=1 << 62).has_room


def test_below_the_watermark_nothing_is_taken_on_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    HEALTH.forget()
    free = iter([100, 99, 98, 100])
    monkeypatch.setattr(disk, "LOOKED_EVERY_S", 0.0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000, 0, next(free)))
    watched = Disk(tmp_path, min_free_bytes=100)
    assert [watched.has_room, watched.has_room] == [True, False]
    assert [it for it in HEALTH.missing() if it.startswith("disk: disk_low: 99 bytes free")]
    assert [watched.has_room] == [False]
    assert FREE.values() == {(): 98}
    assert [record.__dict__["code"] for record in caplog.records] == ["disk_low"]  # said once
    with caplog.at_level("INFO"):
        assert [watched.has_room] == [True]
    assert not [it for it in HEALTH.missing() if it.startswith("disk")]
    HEALTH.forget()


def test_it_is_looked_at_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []

    def usage(folder: Path) -> Usage:
        looked.append(folder)
        return Usage(1, 0, 1)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    watched = Disk(tmp_path, min_free_bytes=0)
    assert watched.has_room
    assert watched.has_room
    assert looked == [tmp_path]


def test_a_folder_that_cannot_be_looked_at_keeps_nobody_from_working(tmp_path: Path) -> None:
    assert Disk(tmp_path / "absent", min_free_bytes=1 << 62).has_room
