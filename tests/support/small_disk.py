"""A folder on a disk of its own, small enough to fill: tmpfs, which only root can mount."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20
BALLAST = ".ballast"


def why_not() -> str:
    """Return why no small disk can be made here, empty if one can."""
    if os.geteuid() != 0:
        return "left out: only root can mount a small disk"
    probe = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True)
    return "" if probe.returncode == 0 else "left out: this container may not mount a small disk"


@contextmanager
def on_small_disk(folder: Path, *, room_bytes: int) -> Iterator["SmallDisk"]:
    """Put a folder and what is in it on a disk with so much room besides; afterwards it is back where it was."""
    beside = folder.with_name(f"{folder.name}.beside")
    held_bytes = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    owner = folder.stat()
    folder.rename(beside)
    folder.mkdir()
    options = f"size={held_bytes + room_bytes},mode={owner.st_mode & 0o777:o},uid={owner.st_uid},gid={owner.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        _copy(beside, folder)
        yield SmallDisk(folder)
    finally:
        (folder / BALLAST).unlink(missing_ok=True)
        shutil.rmtree(beside)
        beside.mkdir()
        _copy(folder, beside)
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()
        beside.rename(folder)


@contextmanager
def under_small_disk(folder: Path, *, room_bytes: int) -> Iterator["SmallDisk"]:
    """Put a small disk over a folder; afterwards the folder is what it was.

    What is written on the disk is gone then. Who had files of the folder open has them all the while.
    """
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room_bytes}", "tmpfs", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--archive", f"{source}/.", str(target)], check=True)


class SmallDisk:
    """The disk: `fill` it up, but for a rest, and `make_room`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def free_bytes(self) -> int:
        """What is left."""
        return shutil.disk_usage(self.folder).free

    def fill(self, *, rest_bytes: int = 0) -> None:
        """Take what is left, but for a rest."""
        with (self.folder / BALLAST).open("ab") as ballast:
            while (left := self.free_bytes - rest_bytes) > 0:
                try:
                    ballast.write(bytes(min(left, MIB)))
                    ballast.flush()
                except OSError:  # others took it
                    return

    def make_room(self) -> None:
        """Give it back."""
        (self.folder / BALLAST).unlink()
