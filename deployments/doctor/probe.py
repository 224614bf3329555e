"""Checks that load libraries, each in a process of its own: `python -m deployments.doctor.probe NAME [ARGUMENT]`.

A library that is broken, hangs or ends the process takes one line with it, not the doctor.
"""

import subprocess
import sys
from collections.abc import Iterator

from pydantic import TypeAdapter, ValidationError

from deployments.doctor.finding import Check, Finding, first_line
from deployments.doctor.throwaway import find_symptom

FINDINGS = TypeAdapter(list[Finding])


def probe(name: str, *arguments: str, seconds: float = 90) -> Iterator[Finding]:
    """The findings of one check of `places.py`, or that it did not end as it should."""
    command = [sys.executable, "-m", "deployments.doctor.probe", name, *arguments]
    check, about = Check(name), "".join(f"{argument}: " for argument in arguments)
    try:
        done = subprocess.run(  # noqa: S603  our own module
            command, capture_output=True, text=True, check=False, timeout=seconds
        )
        yield from FINDINGS.validate_json(done.stdout.rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        yield check.broken(f"{about}no answer within {seconds:.0f} s", "See whether its server, disk or network hangs")
    except ValidationError:
        said = find_symptom(done.stderr) or first_line(done.stderr) or f"it ended with {done.returncode}"
        yield check.broken(about + said, "See `versions` above; `make install` brings the set that works")


def main(name: str, *arguments: str) -> None:
    """Run one check here, and print what it found as the last line."""
    from deployments.doctor import places
    from tierra.settings import load_settings

    found = list(getattr(places, f"check_{name}")(load_settings(), *arguments))
    sys.stdout.write("\n" + FINDINGS.dump_json(found).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
