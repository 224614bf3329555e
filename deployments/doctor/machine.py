"""Checks of this machine: disk space, permissions, time zones, telemetry."""

import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from deployments.doctor.finding import DoctorCheck, Finding
from deployments.doctor.variables import ENV_FILE, find_variable, secrets_in_file
from tierra.environment import QUIET
from tierra.settings import Settings

DISK, PERMISSIONS, ZONES, TELEMETRY_OFF = (
    DoctorCheck("disk"),
    DoctorCheck("permissions"),
    DoctorCheck("time"),
    DoctorCheck("telemetry"),
)
TELEMETRY: Final = {name: value for name, value in QUIET.items() if name != "OMP_WAIT_POLICY"}
LOW_SPACE, NO_SPACE = 2_000_000_000, 200_000_000
RESULTS: Final = "PREFECT_LOCAL_STORAGE_PATH"


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Every check that needs neither a server nor a library."""
    yield check_disk(settings.root)
    yield from check_permissions(settings.root)
    yield check_time(settings)
    yield check_telemetry()


def check_disk(home: Path) -> Finding:
    """Whether there is disk space where runs write."""
    free = shutil.disk_usage(_nearest_existing(home)).free
    message = f"{free / 1e9:.1f} GB free at {home}"
    remedy = "Free space there, or move TIERRA_HOME"
    if free < NO_SPACE:
        return DISK.broken(message, remedy)
    return DISK.warning(message, remedy) if free < LOW_SPACE else DISK.ok(message)


def check_permissions(home: Path) -> Iterator[Finding]:
    """Whether we can write the home, and others cannot read results and secrets."""
    found = [finding for finding in (_home(home), _results(home), _env_file()) if finding]
    yield from found
    if not found:
        yield PERMISSIONS.ok(f"{home} is writable, others cannot read results and secrets")


def check_time(settings: Settings) -> Finding:
    """Whether time zones are known here, and whether the clock is fixed."""
    try:
        ZoneInfo("America/New_York")
    except (KeyError, OSError):
        return ZONES.broken("no time zone data", "Install the system's tzdata, or pip install tzdata")
    if settings.clock:
        remedy = "Remove TIERRA_CLOCK from the environment and .env when this is no demo"
        return ZONES.warning(f"now is fixed at {settings.clock} by TIERRA_CLOCK; which days are due follows it", remedy)
    return ZONES.ok("time zones are known")


def check_telemetry() -> Finding:
    """Whether anything here sends usage data."""
    unset = [name for name, value in TELEMETRY.items() if find_variable(name) != value]
    if unset:
        assignments = " ".join(f"{name}={TELEMETRY[name]}" for name in unset)
        return TELEMETRY_OFF.broken(f"not switched off here: {', '.join(unset)}", f"Set {assignments}")
    return TELEMETRY_OFF.ok("off in this environment")


def _home(home: Path) -> Finding | None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Permission bits say little to root or on a network disk, so a file is written.
        with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-"):
            return None
    except OSError as error:
        return PERMISSIONS.broken(f"{home} is not writable ({error.strerror})", "Correct its owner, or TIERRA_HOME")


def _results(home: Path) -> Finding | None:
    """Results in the folders of the setting and of `make up`, else those in Prefect's own folder."""
    configured = find_variable(RESULTS)
    private = [home / "results", *([Path(configured).expanduser()] if configured else [])]
    existing = [folder for folder in private if folder.is_dir()]
    if readable := [folder for folder in existing if _others_read(folder)]:
        return PERMISSIONS.broken(f"others may read runs' results in {readable[0]}", f"chmod 700 {readable[0]}")
    folder = Path(find_variable("PREFECT_HOME") or "~/.prefect").expanduser() / "storage"
    if not existing and folder.is_dir() and _others_read(folder):
        return PERMISSIONS.warning(f"others may read runs' results in {folder}", f"chmod 700 {folder}")
    return None


def _env_file() -> Finding | None:
    if ENV_FILE.is_file() and _others_read(ENV_FILE) and (names := secrets_in_file()):
        return PERMISSIONS.broken(f"others may read {', '.join(names)} in .env", "chmod 600 .env")
    return None


def _others_read(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _nearest_existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())
