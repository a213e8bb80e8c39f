"""Fabric's programs, unpacked from an archive or a folder at hand: whole, or not at all."""

import io
import tarfile
from pathlib import Path

import pytest

from aiofabric.network import archive
from aiofabric.network.archive import NEEDED, ArchiveError, archive_name, obtain


def _archive(path: Path, *, names: tuple[str, ...] = NEEDED, escaping: str = "") -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name in (*names, *([escaping] if escaping else [])):
            content = name.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return path


def _said() -> tuple[list[str], archive.Say]:
    lines: list[str] = []
    return lines, lines.append


def test_an_archive_at_hand_becomes_a_home(tmp_path: Path) -> None:
    lines, say = _said()
    home = obtain(tmp_path / "cache" / "fabric", say=say, source=_archive(tmp_path / "release.tar.gz"))
    assert {name for name in NEEDED if (home / name).is_file()} == set(NEEDED)
    assert (home / "bin/peer").stat().st_mode & 0o100
    assert "SHA-256" in lines[0]
    assert [path.name for path in home.parent.iterdir()] == ["fabric"]


def test_a_folder_at_hand_becomes_a_home_and_replaces_the_one_before(tmp_path: Path) -> None:
    _, say = _said()
    home = obtain(tmp_path / "home", say=say, source=_archive(tmp_path / "release.tar.gz"))
    (home / "bin/stale").touch()
    source = obtain(tmp_path / "other", say=say, source=tmp_path / "release.tar.gz")
    assert not (obtain(home, say=say, source=source) / "bin/stale").exists()
    assert (source / "bin/peer").is_file()


def test_what_is_no_release_replaces_nothing(tmp_path: Path) -> None:
    _, say = _said()
    home = obtain(tmp_path / "home", say=say, source=_archive(tmp_path / "release.tar.gz"))
    for wrong in (
        _archive(tmp_path / "part.tar.gz", names=NEEDED[:3]),
        _archive(tmp_path / "escape.tar.gz", escaping="../outside"),
        Path(__file__),
        tmp_path / "absent.tar.gz",
    ):
        with pytest.raises(ArchiveError):
            obtain(home, say=say, source=wrong)
    assert (home / "bin/peer").read_bytes() == b"bin/peer"
    assert not (tmp_path / "outside").exists()


def test_a_folder_that_holds_something_else_is_kept(tmp_path: Path) -> None:
    _, say = _said()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear all")
    with pytest.raises(ArchiveError, match="something else"):
        obtain(tmp_path / "mine", say=say, source=_archive(tmp_path / "release.tar.gz"))
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear all"


def test_what_cannot_be_had_says_what_else_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, say = _said()
    monkeypatch.setattr(archive, "RELEASES", "http://127.0.0.1:9")  # nobody listens on "discard"
    with pytest.raises(ArchiveError, match=r"get http.*name the file"):
        obtain(tmp_path / "home", say=say)
    assert not (tmp_path / "home").exists()


def test_the_archive_is_of_the_platform() -> None:
    assert archive_name(version="3.1.5", system="Linux", machine="x86_64") == (
        "hyperledger-fabric-linux-amd64-3.1.5.tar.gz"
    )
    assert "darwin-arm64" in archive_name(system="Darwin", machine="arm64")
    with pytest.raises(ArchiveError, match="not released for"):
        archive_name(system="Linux", machine="riscv64")
