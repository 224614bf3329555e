"""Answers of web addresses that are kept in the home, with the version that their server gave them.

Only a saving: what is damaged, gone or cannot be written is downloaded again.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

# A file that is written twice within a second has one date for both.
SETTLED: Final = timedelta(seconds=60)


class Kept(BaseModel):
    """An answer: where it came from, its bytes' digest, what asks whether it has changed, and the page after it."""

    model_config = ConfigDict(frozen=True)

    url: str
    sha256: str
    version: dict[str, str]
    next: str | None = None


class KeptPages:
    """The newest answers of one source, a file each."""

    def __init__(self, root: Path, source: Any) -> None:
        self._folder = root / hashlib.sha256(repr(source).encode()).hexdigest()[:32]

    def read(self, number: int, url: str) -> Kept | None:
        """What is kept of a page, if it came from this address."""
        kept = _read(self._note(number))
        return kept if kept and kept.url == url else None

    def copy(self, kept: Kept, target: Path) -> Path | None:
        """Its bytes under another name; None when they are not what was downloaded."""
        with suppress(OSError):
            _link(self._data(kept), target)
            with target.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == kept.sha256:
                    return target
            target.unlink()
        return None

    def keep(self, number: int, kept: Kept, file: Path) -> None:
        """Keep a page; its note names the newest version."""
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            _put(self._data(kept), lambda path: _link(file, path))
            _put(self._note(number), lambda path: path.write_text(kept.model_dump_json()))

    def forget_beyond(self, pages: int) -> None:
        """Remove the notes of pages that are no more, and former versions."""
        with suppress(OSError):
            for note in self._folder.glob("*.json"):
                if int(note.stem) > pages:
                    note.unlink(missing_ok=True)
            known = {kept.sha256 for note in self._folder.glob("*.json") if (kept := _read(note))}
            for file in self._folder.glob("*.data"):
                if file.stem not in known:
                    file.unlink(missing_ok=True)

    def _note(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def _data(self, kept: Kept) -> Path:
        return self._folder / f"{kept.sha256}.data"


def _read(note: Path) -> Kept | None:
    try:
        return Kept.model_validate_json(note.read_bytes())
    except (OSError, ValidationError):
        return None


def version_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that ask for an answer only if it has changed; none where the server gives no version."""
    if etag := headers.get("etag"):
        return {"if-none-match": etag}
    modified = headers.get("last-modified", "")
    try:
        age = parsedate_to_datetime(headers["date"]) - parsedate_to_datetime(modified)
    except (KeyError, ValueError, TypeError):
        return {}
    return {"if-modified-since": modified} if age > SETTLED else {}


def _put(path: Path, make: Any) -> None:
    """A file that appears whole under its name."""
    place, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    os.close(place)
    os.unlink(temporary)
    try:
        make(Path(temporary))
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _link(source: Path, target: Path) -> None:
    """The same bytes under another name, without a copy where the disk allows it."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
