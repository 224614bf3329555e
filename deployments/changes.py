"""The difference between what is wanted and what stands on a server. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from prefect.events import AutomationCore

from deployments.alert import Alert
from deployments.plan import POOL
from deployments.server import ALERT, Standing
from deployments.wanted import Wanted

UNKNOWN = UUID(int=0)


@dataclass(frozen=True)
class Change:
    """One thing to create, change or remove, and what is different about it."""

    verb: Literal["create", "change", "remove"]
    kind: Literal["pool", "alert", "deployment", "automation"]
    name: str
    details: tuple[str, ...] = ()


def find_changes(wanted: Wanted, standing: Standing) -> list[Change]:
    """What must happen so that the server holds what is wanted, in the order to do it."""
    automations = wanted.automations(alert_of(wanted, standing))
    return [
        *([] if standing.pool else [Change("create", "pool", POOL)]),
        *_alert(wanted, standing),
        *_changes("deployment", wanted.deployments, standing.deployments),
        *_changes("automation", _plain(automations), _plain(standing.automations)),
    ]


def alert_of(wanted: Wanted, standing: Standing) -> Alert | None:
    """Whom pages go to; with a placeholder for a block that does not stand yet."""
    if wanted.block:
        return standing.alert
    return (standing.alert or Alert(UNKNOWN, "webhook")) if wanted.webhook else None


def _alert(wanted: Wanted, standing: Standing) -> Iterator[Change]:
    if wanted.block or not wanted.webhook or wanted.webhook == standing.webhook:
        return
    yield Change("change" if standing.webhook else "create", "alert", ALERT)


def _changes(
    kind: Literal["deployment", "automation"], wanted: dict[str, dict[str, Any]], standing: dict[str, dict[str, Any]]
) -> Iterator[Change]:
    for name, fields in wanted.items():
        if name not in standing:
            yield Change("create", kind, name, tuple(_first_sight(fields)))
        elif details := tuple(_different(fields, standing[name])):
            yield Change("change", kind, name, details)
    for name in sorted(set(standing) - set(wanted)):
        yield Change("remove", kind, name)


def _plain(automations: dict[str, AutomationCore]) -> dict[str, dict[str, Any]]:
    """Automations in the form they are sent in; whether one is paused is a person's matter."""
    return {name: _ordered(each.model_dump(mode="json", exclude={"enabled"})) for name, each in automations.items()}


def _ordered(value: Any) -> Any:
    """Sets become lists in any order."""
    if isinstance(value, dict):
        return {name: _ordered(each) for name, each in value.items()}
    if isinstance(value, list):
        return sorted((_ordered(each) for each in value), key=str)
    return value


def _first_sight(fields: dict[str, Any]) -> Iterator[str]:
    for each in fields.get("schedules", ()):
        yield _short(each)


def _different(wanted: dict[str, Any], standing: dict[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        if value != standing.get(name):
            yield f"{name}: {_short(standing.get(name))} -> {_short(value)}"


def _short(value: Any) -> str:
    """A value in few words."""
    match value:
        case {"times": {"cron": cron}, "timezone": zone}:
            return f"{cron} {zone}"
        case {"times": {"interval": seconds}, "timezone": zone}:
            return f"every {seconds // 60} min {zone}"
        case list():
            return "[" + "; ".join(_short(each) for each in value) + "]"
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
