"""`tierra doctor`: is everything here as Tierra needs it, and if not, what to do.

Imports neither Prefect nor FastAPI nor SQLAlchemy, so that it can say what is wrong with them.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from pydantic import BaseModel, computed_field
from rich.markup import escape

from deployments.doctor.api import Api
from deployments.doctor.finding import Check, Finding, first_line
from deployments.doctor.live import check_live
from deployments.doctor.machine import check_machine
from deployments.doctor.probe import probe
from deployments.doctor.server import (
    check_lists,
    check_scheduler,
    check_schedules,
    check_throwaway,
    check_version,
    find_silence,
)
from deployments.doctor.variables import find_secrets, find_variable
from deployments.doctor.versions import check_versions
from tierra.cli.console import out, print_json
from tierra.errors import Misconfigured
from tierra.settings import Settings, load_settings
from tierra.status.server_address import find_server

# The server's own is what a laptop has that runs both.
AUTH_STRINGS: Final = ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
STRUCK_OUT: Final = "****"
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
    """Run every check; `show` gets each finding as soon as it and those before it are there."""
    started, settings = time.monotonic(), load_settings()
    server, secrets, findings = _address(settings), find_secrets(settings), []
    for finding in _run_together(_checks(settings, None if throwaway else server, deep)):
        findings.append(_without(secrets, finding))
        show(findings[-1])
    server = _strike_out(secrets, server) if server else None
    return Examination(server=server, seconds=round(time.monotonic() - started, 1), findings=findings)


def print_examination(as_json: bool, deep: bool, throwaway: bool) -> bool:
    """Examine and print, a line a finding or one JSON object; whether nothing is broken."""
    if as_json:
        found = examine(deep, throwaway)
        print_json(found.model_dump_json(indent=1))
        return found.well
    with out.status("looking; a server of its own takes some seconds"):
        found = examine(deep, throwaway, _print_line)
    broken = sum(finding.level == "broken" for finding in found.findings)
    end = f"[bold red]{broken} broken[/]" if broken else "[bold green]all is well[/]"
    out.print(f"{end} [dim]in {found.seconds:.1f} s[/]")
    return found.well


def _print_line(finding: Finding) -> None:
    remedy = f". {finding.remedy}" if finding.remedy else ""
    word = f"[{COLOURS[finding.level]}]{finding.level:<8}[/]"
    out.print(f"{word} [bold]{finding.check:<12}[/] {escape(finding.said + remedy)}")


def _checks(settings: Settings, server: str | None, deep: bool) -> list[Callable[[], Iterator[Finding]]]:
    return [
        check_versions,
        lambda: check_machine(settings),
        lambda: probe("stores"),
        *[partial(probe, "connection", name, seconds=30) for name in settings.connections],
        lambda: probe("registry"),
        lambda: _check_server(server, deep) if server else check_throwaway(),
    ]


def _check_server(url: str, deep: bool) -> Iterator[Finding]:
    """The server we are told of; when it does not answer, whether one could run here at all."""
    api = Api(url, find_variable(*AUTH_STRINGS))
    if silent := find_silence(api):
        yield silent
        yield from check_throwaway()
        return
    yield (answering := check_version(api))
    if answering.level != "broken":
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
    # Whatever answers in a way nobody foresaw must not hide what the other checks found.
    except Exception as error:  # noqa: BLE001
        found.append(
            Check("doctor").broken(f"{type(error).__name__}: {first_line(error)}", "Report it: a check failed")
        )
    return found


def _address(settings: Settings) -> str | None:
    try:
        return find_server(settings)
    except Misconfigured:
        return None


def _without(secrets: list[str], finding: Finding) -> Finding:
    """The finding, secrets struck out: drivers and servers quote what they were given."""
    said, remedy = _strike_out(secrets, finding.said), _strike_out(secrets, finding.remedy)
    return finding.model_copy(update={"said": said, "remedy": remedy})


def _strike_out(secrets: list[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, STRUCK_OUT)
    return text
