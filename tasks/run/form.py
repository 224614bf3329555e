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

from tierra.data.partitions import ALL, parse_partition
from tierra.errors import InvalidCall
from tierra.facts import RequestNoted
from tierra.journal import at_station, note
from tierra.workspace import Workspace

# A form sends null for a date that is not picked.
AS_DAY = {"title": "a day", "type": "string", "format": "date", "pattern": r"^(\d{4}-\d{2}-\d{2}|all)$"}
AS_PARTITION = {"anyOf": [AS_DAY, {"title": "all that is due", "type": "null"}]}

ProjectName = Annotated[str, Field(min_length=1, max_length=200)]
Partition = Annotated[str | None, WithJsonSchema(AS_PARTITION)]
Reason = Annotated[str, Field(max_length=500)]


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


def check_request(workspace: Workspace, request: RunRequest) -> None:
    """Check a request against its project, and note its reason for the receipt. Raises InvalidCall.

    It is no task: what a person typed wrong is one line, not a task's traceback.
    """
    with at_station("check-request"):
        if request.dry_run and request.approved:
            raise InvalidCall("call-contradictory", "a dry run promotes nothing, so there is nothing to approve")
        _check_partition(workspace, request)
        note(RequestNoted(request.reason, request.dry_run))


def _check_partition(workspace: Workspace, request: RunRequest) -> None:
    by_date = workspace.project(request.project).main_source.partition_by
    if request.partition and by_date:
        parse_partition(request.partition)
    elif request.partition not in (None, ALL):
        raise InvalidCall("partition-none", f"{request.project} is not partitioned, so there is no {request.partition}")
