"""Whether the files that a warm parent has imported, or takes its settings from, have changed since."""

import importlib.util
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("deployments", "flows", "tasks")
FILES = ("pyproject.toml", "poetry.lock", ".env")
CHECKOUT = Path(__file__).parents[2]

# Path, time of the last change in nanoseconds, size.
State = frozenset[tuple[str, int, int]]


def read_state(checkout: Path = CHECKOUT) -> State:
    """The state of the code of a checkout, of its settings, and of the folder that packages are installed in."""
    single = [*(checkout / name for name in FILES), Path(sysconfig.get_path("purelib"))]
    listed = (path for folder in _folders(checkout) for path in _files(folder))
    return frozenset(state for path in (*listed, *map(str, single)) if (state := _state(path)))


def _folders(checkout: Path) -> Iterator[Path]:
    yield from (checkout / name for name in FOLDERS)
    library = importlib.util.find_spec("tierra")
    yield from map(Path, library.submodule_search_locations or () if library else ())


def _files(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (f"{parent}/{name}" for name in files)


def _state(path: str) -> tuple[str, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None  # removed, or not there
    return path, found.st_mtime_ns, found.st_size
