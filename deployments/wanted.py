"""What a Prefect server shall hold, in the form that it can be compared in. Reads the flows, no server."""

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.events import AutomationCore

from deployments.alert import Alert
from deployments.automations import plan_automations
from deployments.plan import POOL, Deployment, load_projects, plan
from deployments.times import times_of
from tierra.errors import Misconfigured
from tierra.project.schedule import When
from tierra.settings import Settings


@dataclass(frozen=True)
class Wanted:
    """The deployments of a checkout, and whom its failures are told."""

    planned: list[Deployment]
    heartbeat_seconds: int
    webhook: str | None = field(default=None, repr=False)
    block: str | None = None

    @property
    def deployments(self) -> dict[str, dict[str, Any]]:
        """The fields of each deployment, by name."""
        return {each.name: fields_of(each) for each in self.planned}

    def automations(self, alert: Alert | None) -> dict[str, AutomationCore]:
        """The automations by name."""
        return {each.name: each for each in plan_automations(self.planned, self.heartbeat_seconds, alert)}


def read_wanted(settings: Settings) -> Wanted:
    """What the projects of this checkout ask for. Raises Misconfigured on the first that is wrong."""
    url = settings.alert_webhook.get_secret_value() if settings.alert_webhook else None
    planned = plan(load_projects(settings.projects, settings.overlay), settings.heartbeat_seconds)
    return Wanted(planned, settings.heartbeat_seconds, url, settings.alert_block)


def fields_of(deployment: Deployment) -> dict[str, Any]:
    """A deployment as the server keeps it."""
    schema = _form(deployment)
    return {
        "description": deployment.description,
        "entrypoint": deployment.entrypoint,
        "tags": sorted(deployment.tags),
        "parameters": deployment.parameters,
        "schedules": sorted((_schedule(each, deployment, schema) for each in deployment.times), key=str),
        "concurrency": {"limit": 1, "collision_strategy": "ENQUEUE"},
        "pool": POOL,
        "environment": deployment.environment,
        # Workers run flows in the folder that `tierra deploy` ran in.
        "folder": str(Path.cwd()),
        "form": schema,
    }


def _form(deployment: Deployment) -> dict[str, Any]:
    """The flow's parameters as the UI asks for them."""
    from prefect.utilities.callables import parameter_schema

    flow = getattr(importlib.import_module(f"flows.{deployment.flow}"), deployment.flow)
    return parameter_schema(flow).model_dump_for_openapi()


def _schedule(when: When, deployment: Deployment, form: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(when.parameters) - set(form["properties"])):
        known = ", ".join(form["properties"])
        what = f"{deployment.name}: a schedule gives parameter '{unknown[0]}', which the flow has not (it has: {known})"
        raise Misconfigured("schedule-parameter", what)
    return {"times": times_of(when), "timezone": when.timezone, "parameters": when.parameters}
