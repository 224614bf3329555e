"""The base of all specs: a frozen, strict model, and a few small value types."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

NAME = r"^[a-z][a-z0-9_]{0,62}$"
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
FUNCTION = re.compile(r"^[a-z_][a-z0-9_]*:[a-z_][a-z0-9_]*$")
CLASS = re.compile(r"^[a-z_][a-z0-9_]*:[A-Z][A-Za-z0-9_]*$")


class Spec(BaseModel):
    """Frozen, strict, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, data: Any) -> Any:
        if isinstance(data, dict) and cls.model_config["extra"] == "forbid":
            known_keys = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known_keys:
                    known = ", ".join(known_keys)
                    raise PydanticCustomError("key_unknown", "known: {known}", {"key": str(key), "known": known})
        return data


def as_list(value: Any) -> Any:
    """One text as a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _days(value: Any) -> Any:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,5})\s*([dw])", value)):
        return int(match[1]) * (7 if match[2] == "w" else 1)
    raise ValueError("a number of days such as 30d, or of weeks such as 4w")


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := re.fullmatch(r"([1-9]\d{0,3})\s*([mhd])", value)):
        return timedelta(**{UNITS[match[2]]: int(match[1])})
    raise ValueError("a time such as 45m, 6h or 2d")


def format_duration(value: timedelta) -> str:
    """A length of time as a project file writes it: 45m, 6h, 2d."""
    minutes = round(value.total_seconds() / 60)
    if minutes % (24 * 60) == 0:
        return f"{minutes // (24 * 60)}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"


def _share(value: Any) -> Any:
    if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", value)):
        return float(match[1]) / 100
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise ValueError("a share such as 1% or 0.01")


def _function(value: Any) -> Any:
    if isinstance(value, str) and FUNCTION.match(value):
        return value
    raise ValueError("a function as file:name, such as features:build")


def _class(value: Any) -> Any:
    if isinstance(value, str) and CLASS.match(value):
        return value
    raise ValueError("a class as file:Name, such as features:Distance")


def _cut(value: Any) -> Any:
    if isinstance(value, date) or (isinstance(value, str) and re.search(r"[dw]\s*$", value)):
        return value if isinstance(value, date) else _days(value)
    try:
        return _share(value)
    except ValueError:
        raise ValueError("a length such as 30d, a date, or a share such as 20%") from None


class OneOrMany:
    """JSON schema for editors: a list of one needs no brackets."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        many = handler(core)
        least = many.pop("minLength", 0)  # what pydantic calls the least number of items behind a validator
        many |= {"minItems": least} if least else {}
        return many if least > 1 else {"title": "columns", "anyOf": [many["items"], many]}


# JSON schemas for editors; the validators above decide.
AS_DAYS = {"title": "days", "type": "string", "pattern": r"^\d{1,5}\s*[dw]$"}
AS_DURATION = {"title": "time", "type": "string", "pattern": r"^[1-9]\d{0,3}\s*[mhd]$"}
AS_SHARE = {
    "title": "share",
    "anyOf": [
        {"type": "string", "pattern": r"^(100(\.0+)?|0?\d{1,2}(\.\d+)?)\s*%$"},
        {"type": "number", "minimum": 0, "maximum": 1},
    ],
}
AS_DATE = {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
AS_FUNCTION = {"title": "function", "type": "string", "pattern": FUNCTION.pattern}
AS_CLASS = {"title": "class", "type": "string", "pattern": CLASS.pattern}

Name = Annotated[str, Field(pattern=NAME)]
Column = Annotated[str, Field(min_length=1, max_length=200)]
Columns = Annotated[tuple[Column, ...], BeforeValidator(as_list), OneOrMany()]
SomeColumns = Annotated[tuple[Column, ...], BeforeValidator(as_list), Field(min_length=1), OneOrMany()]
Days = Annotated[int, BeforeValidator(_days), PlainSerializer(lambda days: f"{days}d"), WithJsonSchema(AS_DAYS)]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(AS_DURATION),
]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1), WithJsonSchema(AS_SHARE)]
FunctionName = Annotated[str, BeforeValidator(_function), WithJsonSchema(AS_FUNCTION)]
ClassName = Annotated[str, BeforeValidator(_class), WithJsonSchema(AS_CLASS)]
# A number of days is whole, a share of the rows is not: 30 is 30d, 0.2 is 20%.
Cut = Annotated[
    date | int | Annotated[float, Field(gt=0, lt=1)],
    BeforeValidator(_cut),
    PlainSerializer(lambda cut: f"{cut}d" if isinstance(cut, int) else f"{cut:.6g}" if isinstance(cut, float) else cut),
    WithJsonSchema({"anyOf": [AS_DAYS, AS_DATE, AS_SHARE]}),
]
Task = Literal["binary", "multiclass", "regression"]
