"""The schedule in a project file, and the times that follow from it."""

import heapq
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema, field_validator, model_validator
from pydantic_core import CoreSchema

from tierra.spec import Duration, Name, Spec, format_duration

CRON = r"^(\S+\s+){4}\S+$"
LOOK_AHEAD = timedelta(days=35)
LEAST_TIMES = 12


def _known_zone(value: Any) -> Any:
    try:
        ZoneInfo(value or "UTC")
    except (KeyError, ValueError, OSError, TypeError):
        raise ValueError("a time zone such as Europe/Madrid") from None
    return value


def _cron(value: Any) -> Any:
    try:
        if not re.match(CRON, value):
            raise CronSimError
        CronSim(value, datetime.now(UTC))
    except (CronSimError, TypeError):
        raise ValueError('a cron line of five fields, such as "0 3 * * *"') from None
    return value


def _when(value: Any) -> Any:
    """One time, or a list of them; a text is a cron line."""
    if value is None or value == []:
        return ()
    listed = value if isinstance(value, list | tuple) else [value]
    return tuple({"cron": each} if isinstance(each, str) else each for each in listed)


class When(Spec):
    """One schedule: a cron line or an interval, in a time zone, with parameters of its own."""

    cron: Annotated[str, BeforeValidator(_cron), WithJsonSchema({"type": "string", "pattern": CRON})] | None = Field(
        None, description="A cron line of five fields"
    )
    every: Duration | None = Field(None, description="A time such as 6h, counted from midnight; instead of `cron`")
    timezone: Annotated[str, BeforeValidator(_known_zone)] | None = Field(
        None, description="Time zone of this schedule; the project's when not stated"
    )
    parameters: dict[Name, bool | int | float | str] = Field(
        default_factory=dict, description="Parameters of the flow for these runs, such as `rescore: true`"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> "When":
        if (self.cron is None) == (self.every is None):
            raise ValueError("give either `cron` or `every`")
        return self

    @property
    def text(self) -> str:
        """The schedule as text, for people."""
        times = self.cron or f"every {format_duration(self.every)}"  # type: ignore[arg-type]
        given = "".join(f", {name}: {value}" for name, value in self.parameters.items())
        return f"{times} {self.timezone or ''}".rstrip() + given

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times after a moment, without end."""
        moment = moment.astimezone(ZoneInfo(self.timezone or "UTC"))
        if self.cron:
            yield from (each.astimezone(UTC) for each in CronSim(self.cron, moment))
        assert self.every
        while True:
            moment += self.every
            yield moment.astimezone(UTC)


class _AsWritten:
    """JSON schema for editors: a schedule may be a cron line, and a list of one needs no brackets."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        line = {"title": "cron", "type": "string", "pattern": CRON}
        each = {"anyOf": [line, handler(core)["items"]]}
        return {"title": "times", "anyOf": [*each["anyOf"], {"type": "array", "items": each}, {"type": "null"}]}


Times = Annotated[tuple[When, ...], BeforeValidator(_when), _AsWritten()]


class Schedule(Spec):
    """When the deployments run: cron lines or intervals in a time zone."""

    timezone: str = Field("UTC", description="Time zone of the schedules, of today's date and of instants' days")
    score: Times = Field((), description="When the scoring run starts: a cron line, or a list")
    train: Times = Field((), description="When the training run starts: a cron line, or a list")
    late_after: Duration = Field(
        timedelta(hours=2), description="How long after its time a run may end before it counts as overdue"
    )
    tags: Annotated[tuple[Name, ...], BeforeValidator(tuple)] = Field(
        (), description="Tags of the deployments, beside the project's name"
    )

    _zone = field_validator("timezone", mode="before")(_known_zone)

    def times(self, flow: str) -> tuple[When, ...]:
        """The schedules of a flow, each with its time zone; none for a flow that is started by hand alone.

        A challenger in shadow is looked at as often as partitions are scored.
        """
        listed: tuple[When, ...] = {"score": self.score, "shadow": self.score, "train": self.train}.get(flow, ())
        return tuple(each.model_copy(update={"timezone": each.timezone or self.timezone}) for each in listed)


def longest_gap(times: Sequence[When], now: datetime) -> timedelta | None:
    """The longest time between two runs of the coming weeks; None without a schedule."""
    if not times:
        return None
    coming = heapq.merge(*(each.after(now) for each in times))
    longest = timedelta(0)
    for number, (before, after) in enumerate(pairwise(coming), 2):
        longest = max(longest, after - before)
        if number >= LEAST_TIMES and after - now >= LOOK_AHEAD:
            return longest
    return longest
