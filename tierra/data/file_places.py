"""Which files a source is: one, all of a folder, or those of a pattern; here, in a bucket or at a web address."""

import fnmatch
import glob
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from tierra.data.http_form import COMPRESSIONS, TABLES
from tierra.data.spec import FileSource
from tierra.errors import SourceMissing
from tierra.settings import Settings
from tierra.store.opening import is_remote, list_remote, open_remote, stamp_remote


@dataclass(frozen=True)
class Place:
    """One file: its name for people, a path or an open file each time it is opened, and what changes when it does."""

    name: str
    open: Callable[[], Any]
    stamp: Callable[[], object]
    file_name: str = ""
    format: str | None = None

    @property
    def form(self) -> str:
        """The suffix that says what kind of file it is, whatever it is compressed with."""
        bare = self._path.with_suffix("") if self.compression else self._path
        return f".{self.format}" if self.format else bare.suffix.lower()

    @property
    def compression(self) -> str | None:
        """What its suffix says that it is compressed with."""
        return COMPRESSIONS.get(self._path.suffix)

    @property
    def _path(self) -> PurePosixPath:
        return PurePosixPath(self.file_name or self.name)


def find_places(name: str, source: FileSource, folder: Path, settings: Settings) -> list[Place]:
    """The source's files, by name. Raises SourceMissing when there is none."""
    if source.is_web:
        from tierra.data.downloads import download

        return download(name, source, settings)
    found = _remote(source.path, settings) if is_remote(source.path) else _local(source.path, folder)
    if not found:
        what = "object" if is_remote(source.path) else "file"
        place = source.path if is_remote(source.path) else folder / source.path
        demo = f"; `tierra demo {folder.name}` writes it" if (folder / "demo.py").is_file() else ""
        raise SourceMissing("file-missing", f"source {name}: no {what} {place}{demo}")
    return [replace(place, format=source.format) for place in found]


def is_pattern(path: str) -> bool:
    """Whether a path stands for many files."""
    return bool(re.search(r"[*?\[]", path)) or path.endswith("/")


def _local(path: str, folder: Path) -> list[Place]:
    whole = folder / path
    if whole.is_file():
        return [_file(whole, path)]
    names = sorted(map(str, whole.iterdir())) if whole.is_dir() else sorted(glob.glob(str(whole), recursive=True))
    return [_file(each, os.path.relpath(each, folder)) for each in map(Path, names) if _is_table(each)]


def _file(path: Path, name: str) -> Place:
    def stamp() -> object:
        about = path.stat()
        return about.st_size, about.st_mtime_ns, about.st_ino

    return Place(name, lambda: str(path), stamp)


def _is_table(path: Path) -> bool:
    """Whether it is a file of a kind that is read: not hidden, nor the mark of a finished load."""
    suffixes = [each.lower() for each in path.suffixes[-2:]]
    return path.is_file() and path.name[0] not in "._~" and any(each in TABLES for each in suffixes)


def _remote(path: str, settings: Settings) -> list[Place]:
    if not is_pattern(path):
        try:
            return [Place(path, open_remote(path, settings), lambda: stamp_remote(path, settings))]
        except FileNotFoundError:
            return []
    pattern = f"{path}*" if path.endswith("/") else path
    start = re.split(r"[*?\[]", pattern)[0]
    found = [each for each in list_remote(start, settings) if _matches(each, pattern)]
    return [place for each in sorted(found) for place in _remote(each, settings)]


def _matches(name: str, pattern: str) -> bool:
    """A star stands for a part of one name, not for folders."""
    deep = "**" in pattern or name.count("/") == pattern.count("/")
    return deep and fnmatch.fnmatchcase(name, pattern) and any(part in TABLES for part in PurePosixPath(name).suffixes)
