"""The form of a run: its fields, and their check on the run's first line.

A form in the UI checks a value against its JSON schema, which lets "2013-13-45"
pass and which an API call can switch off. So flows validate nothing before they
run: the first line checks every value again, before anything is read.
"""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from tierra.data.day_range import DayRange, Which, parse_range
from tierra.data.partitions import ALL, parse_partition, today
from tierra.data.window import shift
from tierra.errors import InvalidCall
from tierra.facts import RequestNoted
from tierra.journal import at_station, note
from tierra.outcomes.backfill import Moment
from tierra.workspace import Workspace

# A form sends null for a date that is not picked.
AS_DAY = {"title": "a day", "type": "string", "format": "date", "pattern": r"^(\d{4}-\d{2}-\d{2}|all)$"}
AS_PARTITION = {"anyOf": [AS_DAY, {"title": "all that is due", "type": "null"}]}
DATE = {"title": "a day", "type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
AS_DATE = {"anyOf": [DATE, {"title": "none", "type": "null"}]}
MOST_JOBS = 64

ProjectName = Annotated[str, Field(min_length=1, max_length=200)]
Partition = Annotated[str | None, WithJsonSchema(AS_PARTITION)]
Date = Annotated[str | None, WithJsonSchema(AS_DATE)]
Jobs = Annotated[int, Field(ge=1, le=MOST_JOBS)]
Reason = Annotated[str, Field(max_length=500)]
VariantName = Annotated[str, Field(max_length=200)]


class RunRequest(BaseModel):
    """What one run is to do, every value of the kind its form asks for. Raises InvalidCall on any other."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    project: ProjectName
    partition: Partition = None
    rescore: bool = False
    dry_run: bool = False
    reason: Reason = ""
    approved: bool = False
    replace_champion: bool = False
    take_over: bool = False
    from_date: Date = None
    to_date: Date = None
    which: Which = "missing"
    model: Moment = "now"
    jobs: Jobs = 1
    long_range: bool = False
    variant: VariantName = ""

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, values: Any, handler: ModelWrapValidatorHandler["RunRequest"]) -> "RunRequest":
        # An emptied field of a form arrives as null or as an empty text.
        given = {name: value for name, value in values.items() if value not in (None, "")}
        try:
            return handler(given)
        except ValidationError as error:
            first = error.errors()[0]
            name, problem = str(first["loc"][0]), first["msg"].removeprefix("Input ").lower()
            raise InvalidCall("call-invalid", f"{name} {problem}") from None


def check_request(workspace: Workspace, request: RunRequest) -> DayRange | None:
    """Check a request against its project, and note its reason for the receipt; the range it asks for, if any.

    It is no task: what a person typed wrong is one line, not a task's traceback. Raises InvalidCall.
    """
    with at_station("check-request"):
        if request.dry_run and request.approved:
            raise InvalidCall("call-contradictory", "a dry run promotes nothing, so there is nothing to approve")
        _check_partition(workspace, request)
        days = _read_range(workspace, request)
        note(RequestNoted(request.reason, request.dry_run))
    return days


def _read_range(workspace: Workspace, request: RunRequest) -> DayRange | None:
    _check_range(request)
    if request.from_date is None:
        return None
    project = workspace.project(request.project)
    if not project.main_source.partition_by:
        raise InvalidCall("partition-none", f"{request.project} is not partitioned, so there is no range of days")
    day = today(workspace.settings.now(), project.schedule.timezone)
    newest = shift(day, project.score.horizon)
    return parse_range(request.from_date, request.to_date, request.which, newest, any_length=request.long_range)


def _check_range(request: RunRequest) -> None:
    """Raise InvalidCall for what goes with a range alone, or not with one."""
    of_range = request.to_date or request.which != "missing" or request.model != "now"
    if request.from_date is None and of_range:
        raise InvalidCall("range-invalid", "the last day, `which` and `model` are of a range, which has no first day")
    if request.from_date is None:
        return
    if request.partition:
        raise InvalidCall("call-contradictory", "a partition and a range of days were given")
    if request.rescore:
        raise InvalidCall("call-contradictory", "`rescore` is for what is due; of a range, `all` are scored anew")
    if request.model == "then" and request.which == "stale":
        raise InvalidCall("call-contradictory", "`stale` takes today's rows, `then` those that were known then")


def _check_partition(workspace: Workspace, request: RunRequest) -> None:
    by_date = workspace.project(request.project).main_source.partition_by
    if request.partition and by_date:
        parse_partition(request.partition)
    elif request.partition not in (None, ALL):
        raise InvalidCall("partition-none", f"{request.project} is not partitioned, so there is no {request.partition}")
