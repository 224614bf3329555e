"""`tierra deploy`: make a Prefect server hold what the projects ask for. The difference is shown first."""

import json
from collections.abc import Iterable

from rich.markup import escape

from deployments.changes import Change, alert_of, find_changes
from deployments.server import Server, Standing, open_server
from deployments.wanted import Wanted, read_wanted
from tierra.cli.console import out, print_json
from tierra.settings import load_settings
from tierra.status.server_address import find_server

MARKS = {"create": "[green]+ create[/]", "change": "[yellow]~ change[/]", "remove": "[red]- remove[/]"}


def deploy(dry_run: bool = False, as_json: bool = False) -> None:
    """Create, change and remove what differs on the server; nothing when it is as it should be."""
    settings = load_settings()
    wanted, url = read_wanted(settings), find_server(settings)
    with open_server(url) as server:
        standing = server.read(wanted.block)
        changes = find_changes(wanted, standing)
        if not as_json:
            _show(url, changes, standing, wanted)
        if not dry_run:
            carry_out(changes, wanted, standing, server)
    if as_json:
        print_json(json.dumps({"server": url, "done": not dry_run, "changes": [vars(each) for each in changes]}))


def carry_out(changes: Iterable[Change], wanted: Wanted, standing: Standing, server: Server) -> None:
    """Make every change, in order."""
    alert, deployments = alert_of(wanted, standing), wanted.deployments
    for change in changes:
        match change.kind, change.verb:
            case "pool", _:
                server.create_pool()
            case "alert", _:
                alert = server.put_webhook(str(wanted.webhook))
            case "deployment", "remove":
                server.remove_deployment(standing.ids[change.name])
            case "deployment", _:
                silent = standing.silent.get(change.name, ())
                server.put_deployment(change.name, deployments[change.name], silent)
            case "automation", "remove":
                server.remove_automation(standing.ids[change.name])
            case "automation", _:
                server.put_automation(wanted.automations(alert)[change.name], standing.ids.get(change.name))


def _show(url: str, changes: list[Change], standing: Standing, wanted: Wanted) -> None:
    out.print(f"[dim]server[/] {url}")
    for change in changes:
        out.print(f"{MARKS[change.verb]} {change.kind} [bold]{escape(change.name)}[/]")
        for line in change.details:
            out.print(f"           [dim]{escape(line)}[/]")
    if not changes:
        out.print("nothing to do: the server holds what the projects ask for")
    for name in standing.paused:
        out.print(f"[bold yellow]paused[/]   {name}: nothing of it runs until it is resumed in the UI")
    for name, schedules in standing.silent.items():
        out.print(f"[bold yellow]off[/]      {name}: {len(schedules)} schedule(s) switched off in the UI, kept so")
    if not (wanted.webhook or wanted.block):
        out.print("[bold yellow]no alert[/] nobody is told of failures: set TIERRA_ALERT_WEBHOOK or TIERRA_ALERT_BLOCK")


if __name__ == "__main__":
    deploy()
