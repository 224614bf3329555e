"""Runs each check that loads libraries in its own process: `python -m deployments.doctor.probe NAME [ARGUMENT]`.

A library that is broken, hangs or ends its process then costs one finding, not the doctor.
"""

import subprocess
import sys
from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError

from deployments.doctor.finding import DoctorCheck, Finding
from deployments.doctor.throwaway import find_last_error
from tierra.settings import load_settings
from tierra.status.words import first_line

FINDINGS = TypeAdapter(list[Finding])


def probe(name: str, *arguments: str, seconds: float = 90) -> Iterator[Finding]:
    """The findings of one check of `places.py`, or a finding that its process failed."""
    command = [sys.executable, "-m", "deployments.doctor.probe", name, *arguments]
    check, about = DoctorCheck(name), "".join(f"{argument}: " for argument in arguments)
    try:
        run = subprocess.run(  # noqa: S603  our own module
            command, capture_output=True, text=True, check=False, timeout=seconds
        )
        yield from FINDINGS.validate_json(run.stdout.rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        yield check.broken(f"{about}no answer within {seconds:.0f} s", "See whether its server, disk or network hangs")
    except ValidationError:
        message = find_last_error(run.stderr) or first_line(run.stderr) or f"it ended with {run.returncode}"
        yield check.broken(about + message, "See `versions` above; `make install` brings the set that works")


def main(name: str, *arguments: str) -> None:
    """Run one check here, and print what it found as the last line."""
    from deployments.doctor import places

    found = list(getattr(places, f"check_{name}")(load_settings(), *arguments))
    sys.stdout.write("\n" + FINDINGS.dump_json(found).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
