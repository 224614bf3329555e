"""Names of temporary files and folders, and the removal of those that killed processes left behind."""

import os
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

LEFT: Final = re.compile(r"tierra-(\d+)-.+")
# In a container the same number is another process: only what nobody touched for a day is left behind.
AGE_SECONDS: Final = 24 * 3600


def prefix() -> str:
    """What the name of this process's temporary files and folders begins with."""
    return f"tierra-{os.getpid()}-"


def remove_leftovers() -> None:
    """Remove old temporary files and folders of ours whose process is gone. What cannot be removed stays."""
    for path in Path(tempfile.gettempdir()).glob("tierra-*"):
        named = LEFT.fullmatch(path.name)
        if named and _is_left(path, int(named[1])):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _is_left(path: Path, process: int) -> bool:
    try:
        there = path.lstat()
    except OSError:
        return False
    ours = there.st_uid == os.getuid() and not path.is_symlink()
    return ours and time.time() - there.st_mtime > AGE_SECONDS and not _is_alive(process)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's process has the number now
        return True
    return True
