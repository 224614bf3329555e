"""What a run is asked: the fields of its form, and their check on the run's first line.

A form in the UI checks a value against its JSON schema, which lets "2013-13-45"
pass and which an API call can switch off. So flows validate nothing before they
run: the first station checks every value again, before anything is read.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from tierra.data.partitions import ALL, parse_partition
from tierra.errors import InvalidCall
from tierra.journal import at_station, note
from tierra.workspace import open_workspace

# A form sends null for a date that is not picked.
AS_DAY = {"title": "a day", "type": "string", "format": "date", "pattern": r"^(\d{4}-\d{2}-\d{2}|all)$"}
AS_PARTITION = {"anyOf": [AS_DAY, {"title": "all that is due", "type": "null"}]}

ProjectName = Annotated[str, Field(min_length=1, max_length=200)]
Partition = Annotated[str | None, WithJsonSchema(AS_PARTITION)]
Reason = Annotated[str, Field(max_length=500)]


class Asked(BaseModel):
    """One call of a flow, every value of the kind its form asks for."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    project: ProjectName
    partition: Partition = None
    rescore: bool = False
    dry_run: bool = False
    reason: Reason = ""
    approved: bool = False


def check_call(**values: Any) -> Asked:
    """Check what was asked, and keep its reason for the receipt. Raises InvalidCall.

    It is no task: what a person typed wrong is one line, not a task's traceback.
    """
    with at_station("check-call"):
        asked = _read(values)
        if asked.dry_run and asked.approved:
            raise InvalidCall("call-contradictory", "a dry run promotes nothing, so there is nothing to approve")
        _check_partition(asked)
        note(reason=asked.reason, dry_run=asked.dry_run)
    return asked


def _read(values: dict[str, Any]) -> Asked:
    # An emptied field of a form arrives as null or as an empty text.
    given = {name: value for name, value in values.items() if value not in (None, "")}
    try:
        return Asked.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name, said = str(first["loc"][0]), first["msg"].removeprefix("Input ").lower()
        raise InvalidCall("call-invalid", f"{name} {said}") from None


def _check_partition(asked: Asked) -> None:
    by_date = open_workspace().project(asked.project).main_source.partition_by
    if asked.partition and by_date:
        parse_partition(asked.partition)
    elif asked.partition not in (None, ALL):
        raise InvalidCall("partition-none", f"{asked.project} is not partitioned, so there is no {asked.partition}")
