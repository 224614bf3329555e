"""What this machine gives: room, rights, time zones, silence."""

import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from deployments.doctor.finding import Check, Finding
from deployments.doctor.variables import ENV_FILE, find_variable, secrets_in_file
from tierra.environment import QUIET
from tierra.settings import Settings

DISK, PERMISSIONS, ZONES, TELEMETRY_OFF = Check("disk"), Check("permissions"), Check("time"), Check("telemetry")
TELEMETRY: Final = {name: value for name, value in QUIET.items() if name != "OMP_WAIT_POLICY"}
LITTLE, NOTHING = 2_000_000_000, 200_000_000
RESULTS: Final = "PREFECT_LOCAL_STORAGE_PATH"


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Everything that needs neither a server nor a library."""
    yield check_disk(settings.root)
    yield from check_permissions(settings.root)
    yield check_time(settings)
    yield check_telemetry()


def check_disk(home: Path) -> Finding:
    """Whether there is room where runs write."""
    free = shutil.disk_usage(_there(home)).free
    said = f"{free / 1e9:.1f} GB free at {home}"
    remedy = "Free space there, or move TIERRA_HOME"
    if free < NOTHING:
        return DISK.broken(said, remedy)
    return DISK.warning(said, remedy) if free < LITTLE else DISK.ok(said)


def check_permissions(home: Path) -> Iterator[Finding]:
    """Whether we may write where we must, and others may not read what they must not."""
    found = [finding for finding in (_home(home), _results(home), _env_file()) if finding]
    yield from found
    if not found:
        yield PERMISSIONS.ok(f"{home} is writable, results and secrets are ours alone")


def check_time(settings: Settings) -> Finding:
    """Whether time zones are known here, and whether now is now."""
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
    loud = [name for name, value in TELEMETRY.items() if find_variable(name) != value]
    if loud:
        wanted = " ".join(f"{name}={TELEMETRY[name]}" for name in loud)
        return TELEMETRY_OFF.broken(f"not switched off here: {', '.join(loud)}", f"Set {wanted}")
    return TELEMETRY_OFF.ok("off in this environment")


def _home(home: Path) -> Finding | None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Rights are not what they seem to root or on a network's disk, so it is tried.
        with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-"):
            return None
    except OSError as error:
        return PERMISSIONS.broken(f"{home} is not writable ({error.strerror})", "Correct its owner, or TIERRA_HOME")


def _results(home: Path) -> Finding | None:
    """Those a setting or `make up` promises to keep, and those in Prefect's own folder."""
    stated = find_variable(RESULTS)
    promised = [home / "results", *([Path(stated).expanduser()] if stated else [])]
    there = [folder for folder in promised if folder.is_dir()]
    if bare := [folder for folder in there if _others_read(folder)]:
        return PERMISSIONS.broken(f"others may read runs' results in {bare[0]}", f"chmod 700 {bare[0]}")
    folder = Path(find_variable("PREFECT_HOME") or "~/.prefect").expanduser() / "storage"
    if not there and folder.is_dir() and _others_read(folder):
        return PERMISSIONS.warning(f"others may read runs' results in {folder}", f"chmod 700 {folder}")
    return None


def _env_file() -> Finding | None:
    if ENV_FILE.is_file() and _others_read(ENV_FILE) and (names := secrets_in_file()):
        return PERMISSIONS.broken(f"others may read {', '.join(names)} in .env", "chmod 600 .env")
    return None


def _others_read(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _there(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())
