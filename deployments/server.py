"""The Prefect server as `tierra deploy` reads and changes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from httpx import HTTPError
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.events import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.alert import Alert
from tasks.server.names import POOL, PREFIX, TAG
from tierra.errors import Misconfigured, Unavailable

ALERT_BLOCK = "tierra-alerts"
PAGE_SIZE = 200
# Each run takes some 400 MB, and two dozen at once lock a server on SQLite. A limit set in the UI is kept.
CONCURRENT_RUNS = 4


@dataclass(frozen=True)
class ServerState:
    """What a server holds for Tierra: deployments and automations by name, and their ids."""

    pool: bool = False
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    automations: dict[str, AutomationCore] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=dict)
    # Paused or switched off in the UI; deploying does not resume them.
    paused: tuple[str, ...] = ()
    inactive: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    webhook: str | None = field(default=None, repr=False)
    alert: Alert | None = None


class Server:
    """The calls to one server."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    def read_state(self, block: str | None = None) -> ServerState:
        """Read everything Tierra has on the server. Raises Misconfigured when the alert's block does not exist."""
        found = {self._name(each): each for each in self._deployments()}
        automations = {each.name: each for each in self._client.read_automations() if each.name.startswith(PREFIX)}
        alert, webhook = self._alert(block)
        return ServerState(
            pool=self._has_pool(),
            deployments={name: current_fields(each) for name, each in found.items()},
            automations={name: AutomationCore(**each.model_dump(exclude={"id"})) for name, each in automations.items()},
            ids={name: each.id for name, each in (found | automations).items()},
            paused=tuple(name for name, each in found.items() if each.paused),
            inactive={name: off for name, each in found.items() if (off := _inactive_schedules(each))},
            webhook=webhook,
            alert=alert,
        )

    def create_pool(self) -> None:
        """Create the pool whose workers start a process a run."""
        self._client.create_work_pool(WorkPoolCreate(name=POOL, type="process", concurrency_limit=CONCURRENT_RUNS))

    def put_webhook(self, url: str) -> Alert:
        """Store the webhook's address as a secret on the server."""
        Webhook(url=url).save(ALERT_BLOCK, overwrite=True)
        found = self._client.read_block_document_by_name(ALERT_BLOCK, "webhook")
        return Alert(found.id, "webhook")

    def put_deployment(self, name: str, fields: dict[str, Any], inactive: tuple[dict[str, Any], ...] = ()) -> None:
        """Create a deployment or replace its fields. A paused one stays paused."""
        flow, _, deployment = name.partition("/")
        self._client.create_deployment(
            flow_id=self._client.create_flow_from_name(flow),
            name=deployment,
            description=fields["description"],
            entrypoint=fields["entrypoint"],
            tags=fields["tags"],
            parameters=fields["parameters"],
            schedules=[_schedule(each, active=each not in inactive) for each in fields["schedules"]],
            concurrency_limit=fields["concurrency"]["limit"],
            concurrency_options=ConcurrencyOptions(collision_strategy=fields["concurrency"]["collision_strategy"]),
            work_pool_name=fields["pool"],
            job_variables={"env": fields["environment"], "command": fields["command"]},
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": fields["folder"]}}],
            parameter_openapi_schema=fields["form"],
            enforce_parameter_schema=True,
        )

    def remove_deployment(self, deployment_id: UUID) -> None:
        """Remove a deployment, its schedules and its scheduled runs."""
        self._client.delete_deployment(deployment_id)

    def put_automation(self, automation: AutomationCore, automation_id: UUID | None) -> None:
        """Create an automation, or replace it."""
        if automation_id:
            self._client.update_automation(automation_id, automation)
        else:
            self._client.create_automation(automation)

    def remove_automation(self, automation_id: UUID) -> None:
        """Remove an automation."""
        self._client.delete_automation(automation_id)

    def _deployments(self) -> Iterator[DeploymentResponse]:
        tagged, offset = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])), 0
        while found := self._client.read_deployments(deployment_filter=tagged, limit=PAGE_SIZE, offset=offset):
            yield from found
            offset += PAGE_SIZE

    def _name(self, deployment: DeploymentResponse) -> str:
        return f"{self._client.read_flow(deployment.flow_id).name}/{deployment.name}"

    def _has_pool(self) -> bool:
        try:
            return bool(self._client.read_work_pool(POOL))
        except ObjectNotFound:
            return False

    def _alert(self, block: str | None) -> tuple[Alert | None, str | None]:
        kind, _, name = (block or f"webhook/{ALERT_BLOCK}").partition("/")
        try:
            found = self._client.read_block_document_by_name(name, kind, include_secrets=True)
        except ObjectNotFound:
            if block:
                raise Misconfigured("alert-unknown", f"TIERRA_ALERT_BLOCK: the server has no block '{block}'") from None
            return None, None
        return Alert(found.id, "notification" if block else "webhook"), None if block else str(found.data["url"])


def current_fields(found: DeploymentResponse) -> dict[str, Any]:
    """The fields of a deployment on the server, in the form of `desired.desired_fields`."""
    limit, options = found.global_concurrency_limit, found.concurrency_options
    steps: list[dict[str, dict[str, str]]] = found.pull_steps or [{}]
    return {
        "description": found.description,
        "entrypoint": found.entrypoint,
        "tags": sorted(found.tags),
        "parameters": found.parameters,
        "schedules": sorted((_schedule_fields(each) for each in found.schedules), key=str),
        "concurrency": {
            "limit": limit.limit if limit else None,
            "collision_strategy": options.collision_strategy.value if options else None,
        },
        "pool": found.work_pool_name,
        "environment": found.job_variables.get("env", {}),
        "command": found.job_variables.get("command"),
        "folder": next(iter(steps[0].values()), {}).get("directory"),
        "form": found.parameter_openapi_schema,
    }


@contextmanager
def open_server(url: str) -> Iterator[Server]:
    """Connect to the server at an address. Raises Unavailable when it does not answer."""
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        try:
            client.api_healthcheck()
            yield Server(client)
        except HTTPError as error:
            raise Unavailable("server-unavailable", f"{url}: {str(error).splitlines()[0]}") from None


def _schedule(fields: dict[str, Any], active: bool) -> DeploymentScheduleCreate:
    kind = CronSchedule if "cron" in fields["times"] else IntervalSchedule
    schedule = kind(**fields["times"], timezone=fields["timezone"])
    return DeploymentScheduleCreate(schedule=schedule, active=active, parameters=fields["parameters"])


def _schedule_fields(schedule: Any) -> dict[str, Any]:
    given = schedule.schedule
    if isinstance(given, CronSchedule):
        times: dict[str, Any] = {"cron": given.cron}
    else:
        times = {"interval": int(given.interval.total_seconds()), "anchor_date": given.anchor_date.isoformat()}
    return {"times": times, "timezone": given.timezone, "parameters": schedule.parameters}


def _inactive_schedules(found: DeploymentResponse) -> tuple[dict[str, Any], ...]:
    return tuple(_schedule_fields(each) for each in found.schedules if not each.active)
