"""A Prefect server: what of ours stands on it, and the calls that change it. The edge of `tierra deploy`."""

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
from deployments.automations import PREFIX
from deployments.plan import POOL, TAG
from tierra.errors import Misconfigured, Unavailable

ALERT = "tierra-alerts"
PAGE = 200
# Each takes some 400 MB, and two dozen at once lock a server on SQLite. What a person sets in the UI stays.
RUNS_AT_ONCE = 4


@dataclass(frozen=True)
class Standing:
    """What a server holds of ours: fields by name, ids beside them."""

    pool: bool = False
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    automations: dict[str, AutomationCore] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=dict)
    # What a person switched off in the UI; it stays off.
    paused: tuple[str, ...] = ()
    silent: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=dict)
    webhook: str | None = field(default=None, repr=False)
    alert: Alert | None = None


class Server:
    """The calls to one server."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    def read(self, block: str | None = None) -> Standing:
        """Everything of ours on the server. Raises Misconfigured when the alert's block is not there."""
        found = {self._name(each): each for each in self._deployments()}
        automations = {each.name: each for each in self._client.read_automations() if each.name.startswith(PREFIX)}
        alert, webhook = self._alert(block)
        return Standing(
            pool=self._has_pool(),
            deployments={name: fields_of(each) for name, each in found.items()},
            automations={name: AutomationCore(**each.model_dump(exclude={"id"})) for name, each in automations.items()},
            ids={name: each.id for name, each in (found | automations).items()},
            paused=tuple(name for name, each in found.items() if each.paused),
            silent={name: off for name, each in found.items() if (off := _switched_off(each))},
            webhook=webhook,
            alert=alert,
        )

    def create_pool(self) -> None:
        """The pool whose workers start a process a run."""
        self._client.create_work_pool(WorkPoolCreate(name=POOL, type="process", concurrency_limit=RUNS_AT_ONCE))

    def put_webhook(self, url: str) -> Alert:
        """Keep the address of the alerts as a secret of the server."""
        Webhook(url=url).save(ALERT, overwrite=True)
        found = self._client.read_block_document_by_name(ALERT, "webhook")
        return Alert(found.id, "webhook")

    def put_deployment(self, name: str, fields: dict[str, Any], silent: tuple[dict[str, Any], ...] = ()) -> None:
        """Create a deployment or replace its fields. What a person paused stays paused."""
        flow, _, deployment = name.partition("/")
        self._client.create_deployment(
            flow_id=self._client.create_flow_from_name(flow),
            name=deployment,
            description=fields["description"],
            entrypoint=fields["entrypoint"],
            tags=fields["tags"],
            parameters=fields["parameters"],
            schedules=[_schedule(each, active=each not in silent) for each in fields["schedules"]],
            concurrency_limit=fields["concurrency"]["limit"],
            concurrency_options=ConcurrencyOptions(collision_strategy=fields["concurrency"]["collision_strategy"]),
            work_pool_name=fields["pool"],
            job_variables={"env": fields["environment"]},
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": fields["folder"]}}],
            parameter_openapi_schema=fields["form"],
            enforce_parameter_schema=True,
        )

    def remove_deployment(self, which: UUID) -> None:
        """Remove a deployment, its schedules and the runs they would have started."""
        self._client.delete_deployment(which)

    def put_automation(self, automation: AutomationCore, which: UUID | None) -> None:
        """Create an automation, or replace it."""
        if which:
            self._client.update_automation(which, automation)
        else:
            self._client.create_automation(automation)

    def remove_automation(self, which: UUID) -> None:
        """Remove an automation."""
        self._client.delete_automation(which)

    def _deployments(self) -> Iterator[DeploymentResponse]:
        ours, offset = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])), 0
        while found := self._client.read_deployments(deployment_filter=ours, limit=PAGE, offset=offset):
            yield from found
            offset += PAGE

    def _name(self, deployment: DeploymentResponse) -> str:
        return f"{self._client.read_flow(deployment.flow_id).name}/{deployment.name}"

    def _has_pool(self) -> bool:
        try:
            return bool(self._client.read_work_pool(POOL))
        except ObjectNotFound:
            return False

    def _alert(self, block: str | None) -> tuple[Alert | None, str | None]:
        kind, _, name = (block or f"webhook/{ALERT}").partition("/")
        try:
            found = self._client.read_block_document_by_name(name, kind, include_secrets=True)
        except ObjectNotFound:
            if block:
                raise Misconfigured("alert-unknown", f"TIERRA_ALERT_BLOCK: the server has no block '{block}'") from None
            return None, None
        return Alert(found.id, "notification" if block else "webhook"), None if block else str(found.data["url"])


def fields_of(found: DeploymentResponse) -> dict[str, Any]:
    """A deployment of the server in the form it is planned in."""
    limit, options = found.global_concurrency_limit, found.concurrency_options
    steps: list[dict[str, dict[str, str]]] = found.pull_steps or [{}]
    return {
        "description": found.description,
        "entrypoint": found.entrypoint,
        "tags": sorted(found.tags),
        "parameters": found.parameters,
        "schedules": sorted((_said(each) for each in found.schedules), key=str),
        "concurrency": {
            "limit": limit.limit if limit else None,
            "collision_strategy": options.collision_strategy.value if options else None,
        },
        "pool": found.work_pool_name,
        "environment": found.job_variables.get("env", {}),
        "folder": next(iter(steps[0].values()), {}).get("directory"),
        "form": found.parameter_openapi_schema,
    }


@contextmanager
def open_server(url: str) -> Iterator[Server]:
    """The calls to the server at an address. Raises Unavailable when it does not answer."""
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


def _said(schedule: Any) -> dict[str, Any]:
    given = schedule.schedule
    if isinstance(given, CronSchedule):
        times: dict[str, Any] = {"cron": given.cron}
    else:
        times = {"interval": int(given.interval.total_seconds()), "anchor_date": given.anchor_date.isoformat()}
    return {"times": times, "timezone": given.timezone, "parameters": schedule.parameters}


def _switched_off(found: DeploymentResponse) -> tuple[dict[str, Any], ...]:
    return tuple(_said(each) for each in found.schedules if not each.active)
