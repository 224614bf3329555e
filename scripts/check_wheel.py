"""Use a wheel of the library as a stranger would: `python -m scripts.check_wheel dist/tierra-0.1.0-py3-none-any.whl`.

Looks into it, installs it into an empty environment with what it asks for, and there, in an empty folder, checks
and tries a small project.
"""

import csv
import os
import random
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from packaging.metadata import Metadata
from packaging.utils import parse_wheel_filename
from packaging.version import Version

NEEDED = {
    "tierra/py.typed",
    "tierra/environment.py",
    "tierra/report/templates/receipt.html",
    "tierra/report/templates/receipt.md",
}
PROJECT = """\
project: rides
sources:
  rides: {kind: file, path: rides.csv, key: ride_id, partition_by: day}
target: tipped
split: {validation: 20d, test: 30d}
candidates:
  - rule: {rate_by: [zone]}
  - model: logistic
"""
COMMANDS = (("--version",), ("check", "rides"), ("try", "rides"))


def find_faults(wheel: Path) -> list[str]:
    """What an index or a user would refuse in a wheel."""
    _, version, _, _ = parse_wheel_filename(wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names = sorted(archive.namelist())
        entry = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(archive.read(entry), validate=True)
    missing = [f"{name} is left out" for name in sorted(NEEDED.difference(names))]
    foreign = [f"{name} does not belong to the library" for name in names if not _belongs(name)]
    return [*missing, *foreign, *_find_metadata_faults(metadata, version)]


def _find_metadata_faults(metadata: Metadata, version: Version) -> Iterator[str]:
    if metadata.version != version:
        yield f"its name has version {version}, its metadata {metadata.version}"
    if not metadata.description:
        yield "no description"
    if metadata.description_content_type != "text/markdown":
        yield "the description is not declared as Markdown"
    if not (metadata.license_expression and metadata.license_files):
        yield "no licence"


def _belongs(name: str) -> bool:
    top = name.partition("/")[0]
    return top == "tierra" or top.endswith(".dist-info")


def use_wheel(wheel: Path, folder: Path) -> None:
    """Install a wheel into an empty environment and run the command in an empty folder."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    _run(folder, environment / "bin" / "python", "-m", "pip", "install", "--quiet", wheel.resolve())
    _run(folder, environment / "bin" / "python", "-m", "pip", "check")
    write_project(folder / "projects" / "rides")
    for arguments in COMMANDS:
        _run(folder, environment / "bin" / "tierra", *arguments)


def write_project(folder: Path) -> None:
    """A project file and the 1,200 rides it is about."""
    folder.mkdir(parents=True)
    (folder / "project.yaml").write_text(PROJECT)
    with (folder / "rides.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("ride_id", "day", "km", "zone", "tipped"))
        writer.writerows(_rides())


def _rides() -> Iterator[tuple[str, date, float, str, str]]:
    drawn = random.Random(0)  # noqa: S311  made-up rides, no secret
    for number in range(1200):
        km = round(drawn.gammavariate(2, 3), 2)
        tipped = "yes" if drawn.random() < min(0.9, km / 12) else "no"
        yield f"r{number:06d}", date(2024, 1, 1) + timedelta(number // 10), km, drawn.choice("ABCD"), tipped


def _run(folder: Path, *command: object) -> None:
    """Run a command that sees nothing of the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIERRA_", "PYTHON"))}
    words = [str(word) for word in command]
    print("$", Path(words[0]).name, *words[1:], flush=True)
    subprocess.run(words, cwd=folder, env=kept, check=True)  # noqa: S603  our own words


def main(arguments: list[str]) -> int:
    """Check the one wheel named."""
    (wheel,) = (Path(argument) for argument in arguments)
    faults = find_faults(wheel)
    for fault in faults:
        print(f"{wheel.name}: {fault}", file=sys.stderr)
    if not faults:
        with tempfile.TemporaryDirectory(prefix="tierra-") as folder:
            use_wheel(wheel, Path(folder))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
