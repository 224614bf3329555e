"""What killed processes left in the folder of temporary files goes at a later run; nothing else does."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tierra.temporary import AGE_SECONDS, prefix, remove_leftovers


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_only_old_files_of_processes_that_are_gone_are_removed(folder: Path) -> None:
    dead, day = gone(), AGE_SECONDS + 60
    ages = {f"tierra-{dead}-old": day, f"tierra-{dead}-young": 60, f"{prefix()}mine": day, "tierra-someone": day,
            "other-1-x": day, f"tierra-{dead}-": day, f"tierra-{'9' * 30}-x": day}  # fmt: skip
    for name, age in ages.items():
        (folder / name).mkdir()
        (folder / name / "rows.arrow").write_text("x")
        os.utime(folder / name, times=(time.time() - age,) * 2)
    file = folder / f"tierra-{dead}-file"
    file.write_text("x")
    os.utime(file, times=(time.time() - day,) * 2)
    (folder / f"tierra-{dead}-link").symlink_to(folder / "tierra-someone")
    os.utime(folder / f"tierra-{dead}-link", times=(time.time() - day,) * 2, follow_symlinks=False)
    remove_leftovers()
    left = {path.name for path in folder.iterdir()}
    assert left == {*ages, f"tierra-{dead}-link"} - {f"tierra-{dead}-old", f"tierra-{'9' * 30}-x"}


def test_every_temporary_file_of_ours_has_its_process_in_its_name() -> None:
    root = Path(__file__).parents[2] / "tierra"
    made = [line.strip() for file in root.rglob("*.py") for line in file.read_text().splitlines()
            if "tempfile." in line and "(" in line and "gettempdir" not in line and "dir=" not in line]  # fmt: skip
    assert len(made) >= 4
    assert [line for line in made if "prefix=prefix()" not in line] == []
