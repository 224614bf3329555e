"""Every call that changes a disk, so that a test can fail or kill at each."""

import os
from pathlib import Path
from typing import BinaryIO


def create(path: Path) -> BinaryIO:
    """Open a new file for writing; fails when it exists."""
    return open(path, "xb", buffering=0)


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
