"""Every call that changes a disk, so that a test can fail or kill at each."""

import os
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE
from typing import BinaryIO, Final

NEW_STORE: Final = 0o750  # its owner and group may read; who wants it otherwise changes the folder, which then decides


def create(path: Path, mode: int | None = None) -> BinaryIO:
    """Open a new file for writing, with these permissions where the umask does not decide; fails when it exists."""
    file = open(path, "xb", buffering=0)  # noqa: SIM115
    if mode is not None:
        os.fchmod(file.fileno(), mode)
    return file


def make_folder(folder: Path, mode: int) -> int:
    """Make a folder with these permissions unless it is there; the permissions it has."""
    with suppress(FileNotFoundError):
        return S_IMODE(folder.stat().st_mode)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(mode)
    return mode


def write(file: BinaryIO, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def sync(file: BinaryIO) -> None:
    """Flush the file's bytes to the disk."""
    os.fsync(file.fileno())


def rename(old: Path, new: Path) -> None:
    """Give a file its final name, at once."""
    os.rename(old, new)


def link(old: Path, new: Path) -> None:
    """Give a file a second name; raises FileExistsError when it is taken."""
    os.link(old, new)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder's names to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
