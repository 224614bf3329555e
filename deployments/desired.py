"""The desired state of the Prefect server: reads the projects and the flows, no server."""

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.events import AutomationCore
from prefect.utilities.callables import parameter_schema

from deployments.alert import Alert
from deployments.automations import plan_automations
from deployments.plan import Deployment, load_projects, plan
from deployments.times import times_of
from tasks.server.names import POOL
from tierra.errors import Misconfigured
from tierra.project.schedule import When
from tierra.settings import Settings


@dataclass(frozen=True)
class DesiredState:
    """The deployments of a checkout, and where its alerts are sent."""

    planned: list[Deployment]
    webhook: str | None = field(default=None, repr=False)
    block: str | None = None

    @property
    def deployments(self) -> dict[str, dict[str, Any]]:
        """The fields of each deployment, by name."""
        return {each.name: desired_fields(each) for each in self.planned}

    def automations(self, alert: Alert | None) -> dict[str, AutomationCore]:
        """The automations by name."""
        return {each.name: each for each in plan_automations(self.planned, alert)}


def read_desired_state(settings: Settings) -> DesiredState:
    """What the projects of this checkout ask for. Raises Misconfigured at the first broken project file."""
    url = settings.alert_webhook.get_secret_value() if settings.alert_webhook else None
    planned = plan(load_projects(settings.projects, settings.overlay), settings.heartbeat_seconds)
    return DesiredState(planned, url, settings.alert_block)


def desired_fields(deployment: Deployment) -> dict[str, Any]:
    """The fields of a deployment, in the form they are compared with the server's."""
    schema = _parameter_form(deployment)
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


def _parameter_form(deployment: Deployment) -> dict[str, Any]:
    """The JSON schema of the flow's parameters, which the UI shows as a form."""
    flow = getattr(importlib.import_module(f"flows.{deployment.flow}"), deployment.flow)
    return parameter_schema(flow).model_dump_for_openapi()


def _schedule(when: When, deployment: Deployment, form: dict[str, Any]) -> dict[str, Any]:
    if unknown := sorted(set(when.parameters) - set(form["properties"])):
        known = ", ".join(form["properties"])
        what = f"{deployment.name}: a schedule gives '{unknown[0]}', not a parameter of the flow (it has: {known})"
        raise Misconfigured("schedule-parameter", what)
    return {"times": times_of(when), "timezone": when.timezone, "parameters": when.parameters}
