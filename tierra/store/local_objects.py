"""Objects in a folder of a POSIX file system, durable before they are visible."""

import os
import uuid
from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from tierra.errors import Broken
from tierra.store import disk
from tierra.store.objects import NAME, Draft, Entry, Verified, check_digest, check_name, folders_of

# Beside the objects, so that it is the same file system, and few, so that what killed writers left is found at once.
UNFINISHED = ".unfinished"
_verified = Verified()


class _LocalDraft(Draft):
    def __init__(self, path: Path, mode: int) -> None:
        super().__init__()
        self._file = disk.create(path, mode)

    def _append(self, data: bytes) -> None:
        disk.write(self._file, data)

    def finish(self) -> None:
        disk.sync(self._file)
        self._file.close()

    def abandon(self) -> None:
        self._file.close()


class LocalObjects:
    """Objects as files: a temporary name first, then sync, then the final name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def draft(self, stem: str, suffix: str) -> Iterator[Draft]:
        """Write an object named stem + digest + suffix."""
        with _disk_errors(stem):
            temporary, mode = self._temporary(stem + "x")
            draft = _LocalDraft(temporary, mode)
            try:
                yield draft
                draft.finish()
                draft.name = check_name(f"{stem}{draft.sha256}{suffix}")
                disk.rename(temporary, self._folder / draft.name)
                _verified.add(_version_of((self._folder / draft.name).stat()), draft.sha256)
                disk.sync_folder((self._folder / draft.name).parent)
            except BaseException:
                draft.abandon()
                _clear(temporary)
                raise

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Create an object unless the name is taken."""
        with _disk_errors(name):
            temporary, mode = self._temporary(name)
            try:
                with disk.create(temporary, mode) as file:
                    disk.write(file, data)
                    disk.sync(file)
                disk.link(temporary, self._folder / name)
                disk.sync_folder((self._folder / name).parent)
                return True
            except FileExistsError:
                return False
            finally:
                _clear(temporary)

    def read(self, name: str) -> bytes:
        """The bytes of an object."""
        return (self._folder / check_name(name)).read_bytes()

    def open(self, name: str) -> BinaryIO:
        """An object to read from at any position."""
        return (self._folder / check_name(name)).open("rb")

    def open_verified(self, name: str, sha256: str) -> BinaryIO:
        """The same for an object that must have this digest; a file that did not change since is not read again."""
        file = self.open(name)
        try:
            version = _version_of(os.fstat(file.fileno()))
            if (version, sha256) not in _verified:
                check_digest(file, sha256, self.location(name))
                _verified.add(version, sha256)
        except BaseException:
            file.close()
            raise
        return file

    def names(self, folder: str, within: Collection[str] | None = None) -> list[str]:
        """The names of the objects in a folder and below it, sorted; of some of its folders where they are named."""
        return sorted(name for each in folders_of(folder, within) for name in self._below(each))

    def entries(self, folder: str) -> Iterator[Entry]:
        """The objects in a folder and below it."""
        for name in self._below(check_name(folder)):
            with suppress(FileNotFoundError):  # removed since it was listed
                found = (self._folder / name).stat()
                yield Entry(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def modified(self, name: str) -> datetime | None:
        """When the object was last written; None when it is absent."""
        try:
            return datetime.fromtimestamp((self._folder / check_name(name)).stat().st_mtime, UTC)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remove(self, name: str) -> None:
        """Remove an object."""
        with _disk_errors(name, "removing"), suppress(FileNotFoundError, NotADirectoryError):
            disk.remove(self._folder / check_name(name))

    def abandon_uploads(self, before: datetime) -> int:
        """Remove temporary files last written before then; how many there were."""
        with _disk_errors("temporary files", "removing"):
            found = [file for place in ("", "*/") for file in self._folder.glob(f"{place}{UNFINISHED}/.*.tmp")]
            old = [file for file in found if _is_older(file, before)]
            for file in old:
                disk.remove(file)
        return len(old)

    def location(self, name: str) -> str:
        """The object's path, for people."""
        return str(self._folder / check_name(name))

    def _temporary(self, name: str) -> tuple[Path, int]:
        """A path for a new file, and its permissions: who may list the store's folder may read what is in it."""
        inside = check_name(name).split("/")[:-1]
        mode = disk.make_folder(self._folder, disk.NEW_STORE)
        unfinished = self._folder.joinpath(*inside[:1], UNFINISHED)
        folders = [self._folder.joinpath(*inside[: depth + 1]) for depth in range(len(inside))]
        for folder in (*folders, unfinished):
            disk.make_folder(folder, mode)
        return unfinished / f".{uuid.uuid4().hex}.tmp", mode & 0o666

    def _below(self, folder: str) -> Iterator[str]:
        """The names of the files in a folder and below it; hidden ones and those that cannot be ours are no objects."""
        for at, folders, files in os.walk(self._folder / folder):
            folders[:] = [each for each in folders if not each.startswith(".")]
            inside = Path(at).relative_to(self._folder).as_posix()
            yield from (name for file in files if NAME.fullmatch(name := f"{inside}/{file}"))


def _version_of(found: os.stat_result) -> Hashable:
    """What changes when a file is written to, or another takes its name."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_older(file: Path, before: datetime) -> bool:
    """Whether a file was last written before then; not one that its writer has finished meanwhile."""
    try:
        return file.stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False


def _clear(temporary: Path) -> None:
    """Remove a temporary file. A failure is ignored: the file is hidden, harmless, and must not mask another error."""
    with suppress(OSError):
        disk.remove(temporary)


@contextmanager
def _disk_errors(name: str, doing: str = "writing") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Broken("store-failed", f"{doing} {name}: {error.strerror or error}") from error
