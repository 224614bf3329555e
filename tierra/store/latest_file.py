"""A file under one name that is replaced at once, on a disk or in a bucket, and beside it what it holds.

`<file>.about.json` says whose file it is and which generations it holds. It is there before the file is for the
first time, so that no file of anybody else is replaced, and is written again after it. Whoever is killed in between
leaves a file whose version is not the one named there, and so one that the next run writes again.
"""

import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tierra.errors import Misconfigured
from tierra.settings import Settings
from tierra.store import disk
from tierra.store.exports import write_whole
from tierra.store.opening import is_remote, open_remote, stamp_remote, write_remote

UNFINISHED: Final = re.compile(r"\.[0-9a-f]{32}\.tmp")  # as exports.py names a file that it has not finished
UNFINISHED_AGE: Final = 24 * 3600


class About(BaseModel):
    """What a file holds, and of which data set."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    dataset: str
    partitions: dict[str, int] = {}
    rows: int = 0
    raw: bool = False
    written_at: str = ""
    version: str = ""


class LatestFile:
    """The file of one data set at an address. Raises Misconfigured where another's file is."""

    def __init__(self, uri: str, dataset: str, settings: Settings) -> None:
        self._dataset = dataset
        self._file, self._about = _Replaced(uri, settings), _Replaced(f"{uri}.about.json", settings)

    @property
    def where(self) -> str:
        """The file's path or address."""
        return self._file.where

    def holds(self, partitions: dict[str, int], raw: bool) -> bool:
        """Whether the file is there as it was last written, with these generations and in this form."""
        about = self._read_about()
        if about is None or (about.partitions, about.raw) != (partitions, raw):
            return False
        return bool(about.version) and about.version == self._file.version()

    def replace(self, data: bytes, partitions: dict[str, int], rows: int, raw: bool) -> None:
        """Replace the file by these bytes. Raises Misconfigured for one that we did not write."""
        if self._read_about() is None:
            if self._file.version():
                raise Misconfigured("latest-taken", f"{self.where} is there and was not written by Tierra")
            self._write_about(About(dataset=self._dataset))
        self._file.write(data)
        now, version = datetime.now(UTC).isoformat(timespec="seconds"), self._file.version()
        self._write_about(About(dataset=self._dataset, partitions=partitions, rows=rows, raw=raw, written_at=now,
                                version=version))  # fmt: skip

    def _read_about(self) -> About | None:
        if (text := self._about.read()) is None:
            return None
        try:
            about = About.model_validate_json(text)
        except ValidationError:
            raise Misconfigured("latest-taken", f"{self._about.where} cannot be read") from None
        if about.dataset != self._dataset:
            raise Misconfigured("latest-taken", f"{self.where} is of the data set {about.dataset}")
        return about

    def _write_about(self, about: About) -> None:
        self._about.write(about.model_dump_json(indent=1).encode() + b"\n")


class _Replaced:
    """One file, local or in a bucket."""

    def __init__(self, uri: str, settings: Settings) -> None:
        self._uri, self._settings, self._remote = uri, settings, is_remote(uri)
        self._path = settings.root / uri

    @property
    def where(self) -> str:
        return self._uri if self._remote else str(self._path)

    def read(self) -> bytes | None:
        try:
            if not self._remote:
                return self._path.read_bytes()
            with open_remote(self._uri, self._settings)() as file:
                return file.read()
        except FileNotFoundError:
            return None

    def version(self) -> str:
        """What is another when the file is another; empty when there is none."""
        if self._remote:
            return str(stamp_remote(self._uri, self._settings) or "")
        return _stamp(self._path)

    def write(self, data: bytes) -> None:
        if self._remote:
            write_remote(self._uri, data, self._settings)
            return
        disk.make_folder(self._path.parent, disk.make_folder(self._settings.root, disk.NEW_STORE))
        write_whole(self._path, data)
        _remove_unfinished(self._path.parent)


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed writers left beside the file."""
    for each in folder.glob(".*.tmp"):
        with suppress(OSError):
            if UNFINISHED.fullmatch(each.name) and time.time() - each.stat().st_mtime > UNFINISHED_AGE:
                disk.remove(each)


def _stamp(path: Path) -> str:
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"
