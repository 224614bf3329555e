"""`tierra doctor`: checks this installation, and says what to do about what is wrong.

Imports neither Prefect nor FastAPI nor SQLAlchemy, so that it can say what is wrong with them.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from pydantic import BaseModel, computed_field

from deployments.doctor.api import Api
from deployments.doctor.finding import DoctorCheck, Finding
from deployments.doctor.live import check_live
from deployments.doctor.machine import check_machine
from deployments.doctor.probe import probe
from deployments.doctor.server_checks import (
    check_lists,
    check_scheduler,
    check_schedules,
    check_throwaway,
    check_version,
    find_no_answer,
)
from deployments.doctor.variables import find_secrets, find_variable
from deployments.doctor.versions import check_versions
from tierra.cli.console import out, print_json, printable
from tierra.errors import Misconfigured
from tierra.redaction import clean, protect
from tierra.settings import Settings, load_settings
from tierra.status.server_address import find_server
from tierra.status.words import first_line

# The second is the server's own variable, which a machine has that runs both.
AUTH_STRINGS: Final = ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
COLOURS: Final = {"ok": "green", "warning": "yellow", "broken": "bold red", "skipped": "dim"}


class Examination(BaseModel):
    """All findings, in the order of the checks."""

    server: str | None
    seconds: float
    findings: list[Finding]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def well(self) -> bool:
        """Nothing is broken; warnings are allowed."""
        return all(finding.level != "broken" for finding in self.findings)


def examine(
    deep: bool = False, throwaway: bool = False, show: Callable[[Finding], None] = lambda _: None
) -> Examination:
    """Run every check; `show` is called with each finding, in order, as soon as it is there."""
    started, settings = time.monotonic(), load_settings()
    protect(find_secrets(settings))
    server, findings = _server_url(settings), []
    for finding in _run_together(_checks(settings, None if throwaway else server, deep)):
        findings.append(_clean_finding(finding))
        show(findings[-1])
    server = clean(server) if server else None
    return Examination(server=server, seconds=round(time.monotonic() - started, 1), findings=findings)


def print_examination(as_json: bool, deep: bool, throwaway: bool) -> bool:
    """Run every check and print a line a finding, or one JSON object. Returns whether nothing is broken."""
    if as_json:
        found = examine(deep, throwaway)
        print_json(found.model_dump_json(indent=1))
        return found.well
    with out.status("checking; starting a throwaway server takes some seconds"):
        found = examine(deep, throwaway, _print_line)
    broken = sum(finding.level == "broken" for finding in found.findings)
    end = f"[bold red]{broken} broken[/]" if broken else "[bold green]nothing is broken[/]"
    out.print(f"{end} [dim]in {found.seconds:.1f} s[/]")
    return found.well


def _print_line(finding: Finding) -> None:
    remedy = f". {finding.remedy}" if finding.remedy else ""
    word = f"[{COLOURS[finding.level]}]{finding.level:<8}[/]"
    out.print(f"{word} [bold]{finding.check:<12}[/] {printable(finding.said + remedy)}")


def _checks(settings: Settings, server: str | None, deep: bool) -> list[Callable[[], Iterator[Finding]]]:
    return [
        check_versions,
        lambda: check_machine(settings),
        lambda: probe("stores"),
        *[partial(probe, "connection", name, seconds=30) for name in settings.connections],
        lambda: probe("sources"),
        lambda: probe("registry"),
        lambda: _check_server(server, deep) if server else check_throwaway(),
    ]


def _check_server(url: str, deep: bool) -> Iterator[Finding]:
    """Check the configured server; when it does not answer, whether one could run here at all."""
    api = Api(url, find_variable(*AUTH_STRINGS))
    if no_answer := find_no_answer(api):
        yield no_answer
        yield from check_throwaway()
        return
    yield (version := check_version(api))
    if version.level != "broken":
        yield check_lists(api)
        # Within 5 s as a rule; a busy server misses that loop and has the next after 60 s.
        yield check_scheduler(api, seconds=75) if deep else check_schedules(api)
        yield from check_live(api)


def _run_together(checks: list[Callable[[], Iterator[Finding]]]) -> Iterator[Finding]:
    with ThreadPoolExecutor(len(checks)) as pool:
        for found in pool.map(_findings, checks):
            yield from found


def _findings(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    # A check that fails unexpectedly must not hide what the other checks found.
    except Exception as error:  # noqa: BLE001
        found.append(
            DoctorCheck("doctor").broken(f"{type(error).__name__}: {first_line(error)}", "Report it: a check failed")
        )
    return found


def _server_url(settings: Settings) -> str | None:
    try:
        return find_server(settings)
    except Misconfigured:
        return None


def _clean_finding(finding: Finding) -> Finding:
    """The finding without secrets: drivers and servers quote what they were given."""
    return finding.model_copy(update={"said": clean(finding.said), "remedy": clean(finding.remedy)})
