"""A champion's files in a folder of the process that serves it: nothing can be added to what is imported."""

import atexit
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from threading import Lock

from tierra.errors import Broken
from tierra.temporary import prefix

_lock = Lock()


def folder_of(digest: str, files: Callable[[], Mapping[str, bytes]]) -> Path:
    """The folder that holds the files of a digest, written once a process. Raises Broken for one outside of it."""
    with _lock:
        kept = Path(_files_of_process()) / digest
        if not kept.is_dir():
            made = Path(tempfile.mkdtemp(dir=_files_of_process()))
            _write(made, files())
            made.rename(kept)
    return kept


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()):
            raise Broken("code-mismatch", f"{name} would lie outside the champion's folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


@cache
def _files_of_process() -> str:
    """A folder for the files of champions; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix=prefix())
    atexit.register(folder.cleanup)
    return folder.name
