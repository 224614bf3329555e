"""`tierra deploy`: bring a Prefect server to the state the projects ask for. The changes are shown first."""

import json
from collections.abc import Iterable

from deployments.changes import Change, choose_alert, find_changes
from deployments.desired import DesiredState, read_desired_state
from deployments.server import Server, ServerState, open_server
from tierra.cli.console import out, print_json, printable
from tierra.settings import load_settings
from tierra.status.server_address import find_server

MARKS = {"create": "[green]+ create[/]", "change": "[yellow]~ change[/]", "remove": "[red]- remove[/]"}


def deploy(dry_run: bool = False, as_json: bool = False) -> None:
    """Create, change and remove what differs on the server."""
    settings = load_settings()
    desired, url = read_desired_state(settings), find_server(settings)
    with open_server(url) as server:
        current = server.read_state(desired.block)
        changes = find_changes(desired, current)
        if not as_json:
            _print_changes(url, changes, current, desired)
        if not dry_run:
            apply_changes(changes, desired, current, server)
    if as_json:
        print_json(json.dumps({"server": url, "done": not dry_run, "changes": [vars(each) for each in changes]}))


def apply_changes(changes: Iterable[Change], desired: DesiredState, current: ServerState, server: Server) -> None:
    """Make every change, in order."""
    alert, deployments = choose_alert(desired, current), desired.deployments
    for change in changes:
        match change.kind, change.verb:
            case "pool", _:
                server.create_pool()
            case "alert", _:
                alert = server.put_webhook(str(desired.webhook))
            case "deployment", "remove":
                server.remove_deployment(current.ids[change.name])
            case "deployment", _:
                inactive = current.inactive.get(change.name, ())
                server.put_deployment(change.name, deployments[change.name], inactive)
            case "automation", "remove":
                server.remove_automation(current.ids[change.name])
            case "automation", _:
                server.put_automation(desired.automations(alert)[change.name], current.ids.get(change.name))


def _print_changes(url: str, changes: list[Change], current: ServerState, desired: DesiredState) -> None:
    out.print(f"[dim]server[/] {url}")
    for change in changes:
        out.print(f"{MARKS[change.verb]} {change.kind} [bold]{printable(change.name)}[/]")
        for line in change.details:
            out.print(f"           [dim]{printable(line)}[/]")
    if not changes:
        out.print("nothing to do: the server is up to date")
    for name in current.paused:
        out.print(f"[bold yellow]paused[/]   {name}: it does not run until it is resumed in the UI")
    for name, schedules in current.inactive.items():
        out.print(f"[bold yellow]off[/]      {name}: {len(schedules)} schedule(s) switched off in the UI, kept so")
    if not (desired.webhook or desired.block):
        out.print("[bold yellow]no alert[/] failures send no message: set TIERRA_ALERT_WEBHOOK or TIERRA_ALERT_BLOCK")


if __name__ == "__main__":
    deploy()
