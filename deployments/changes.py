"""The difference between the desired state and the state of a server. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from prefect.events import AutomationCore

from deployments.alert import Alert
from deployments.desired import DesiredState
from deployments.server import ALERT_BLOCK, ServerState
from tasks.server.names import POOL

PLACEHOLDER = UUID(int=0)


@dataclass(frozen=True)
class Change:
    """One thing to create, change or remove, and what is different about it."""

    verb: Literal["create", "change", "remove"]
    kind: Literal["pool", "alert", "deployment", "automation"]
    name: str
    details: tuple[str, ...] = ()


def find_changes(desired: DesiredState, current: ServerState) -> list[Change]:
    """The changes that bring the server to the desired state, in the order to make them."""
    automations = desired.automations(choose_alert(desired, current))
    return [
        *([] if current.pool else [Change("create", "pool", POOL)]),
        *_alert_change(desired, current),
        *_changes("deployment", desired.deployments, current.deployments),
        *_changes("automation", _as_fields(automations), _as_fields(current.automations)),
    ]


def choose_alert(desired: DesiredState, current: ServerState) -> Alert | None:
    """The alert that messages go to; a placeholder id for a block that is yet to be created."""
    if desired.block:
        return current.alert
    return (current.alert or Alert(PLACEHOLDER, "webhook")) if desired.webhook else None


def _alert_change(desired: DesiredState, current: ServerState) -> Iterator[Change]:
    if desired.block or not desired.webhook or desired.webhook == current.webhook:
        return
    yield Change("change" if current.webhook else "create", "alert", ALERT_BLOCK)


def _changes(
    kind: Literal["deployment", "automation"], desired: dict[str, dict[str, Any]], current: dict[str, dict[str, Any]]
) -> Iterator[Change]:
    for name, fields in desired.items():
        if name not in current:
            yield Change("create", kind, name, tuple(_list_schedules(fields)))
        elif details := tuple(_differences(fields, current[name])):
            yield Change("change", kind, name, details)
    for name in sorted(set(current) - set(desired)):
        yield Change("remove", kind, name)


def _as_fields(automations: dict[str, AutomationCore]) -> dict[str, dict[str, Any]]:
    """Automations as they are sent to the server; whether one is enabled is left to people."""
    return {name: _ordered(each.model_dump(mode="json", exclude={"enabled"})) for name, each in automations.items()}


def _ordered(value: Any) -> Any:
    """Sets become lists in any order, so lists are sorted before they are compared."""
    if isinstance(value, dict):
        return {name: _ordered(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted((_ordered(each) for each in value), key=str)
    return value


def _list_schedules(fields: dict[str, Any]) -> Iterator[str]:
    for each in fields.get("schedules", ()):
        yield _abbreviate(each)


def _differences(desired: dict[str, Any], current: dict[str, Any]) -> Iterator[str]:
    for name, value in desired.items():
        if value != current.get(name):
            yield f"{name}: {_abbreviate(current.get(name))} -> {_abbreviate(value)}"


def _abbreviate(value: Any) -> str:
    """A value in at most 60 characters."""
    match value:
        case {"times": {"cron": cron}, "timezone": zone}:
            return f"{cron} {zone}"
        case {"times": {"interval": seconds}, "timezone": zone}:
            return f"every {seconds // 60} min {zone}"
        case list():
            return "[" + "; ".join(_abbreviate(each) for each in value) + "]"
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
