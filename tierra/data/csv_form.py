"""How a text file is written: its separator, its encoding, its numbers and its dates."""

import codecs
import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from tierra.spec import Spec

# What a date's form may name, as in Python's strftime.
PARTS_OF_DATES: Final = "YmdybBHIMSfp"
SEPARATORS: Final = {"tab": "\t", "space": " "}


def _separator(value: Any) -> Any:
    return SEPARATORS.get(value, value) if isinstance(value, str) else value


def _one_sign(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in '\r\n"0' or value.isalnum():
        raise ValueError("one sign such as ; or | or tab")
    return value


def _encoding(value: str) -> str:
    try:
        return codecs.lookup(value).name
    except LookupError:
        raise ValueError("an encoding that Python knows, such as cp1252, latin-1 or utf-16") from None


def _date_form(value: str) -> str:
    named = re.findall(r"%(.?)", value)
    if unknown := [each for each in named if each not in PARTS_OF_DATES or not each]:
        raise ValueError(f"a date's form has %d %m %Y %H %M %S and the like, not %{unknown[0]}")
    if not {"d"} <= set(named) or not {"m", "b", "B"} & set(named) or not {"y", "Y"} & set(named):
        raise ValueError("a date's form names a day, a month and a year, such as %d/%m/%Y")
    if len(named) != len(set(named)) or len({"m", "b", "B"} & set(named)) > 1 or len({"y", "Y"} & set(named)) > 1:
        raise ValueError("a date's form names each part once")
    return value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


DateForm = Annotated[str, AfterValidator(_date_form)]


class CsvForm(Spec):
    """How a text file is written, where it is not as most programs write CSV."""

    separator: Annotated[
        str,
        BeforeValidator(_separator),
        AfterValidator(_one_sign),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 5}),
    ] = Field(",", description="What separates cells: one sign, or `tab`")
    quote: Literal['"', "'"] | None = Field(
        '"', description="What stands around a cell that holds separators or line breaks; null where nothing does"
    )
    encoding: Annotated[str, AfterValidator(_encoding)] = Field(
        "utf-8", description="How letters are stored, such as cp1252, latin-1 or utf-16"
    )
    decimal: Literal[".", ","] | None = Field(
        None, description="What stands before a number's fraction; a point when not stated"
    )
    thousands: Literal[".", ",", "'", " "] | None = Field(
        None, description="What groups a number's digits; any usual sign that is not `decimal` when not stated"
    )
    skip_rows: int = Field(0, ge=0, le=1000, description="Lines above the one with the columns' names")
    skip_footer: int = Field(0, ge=0, le=1000, description="Lines below the rows, such as totals")
    dates: Annotated[
        tuple[DateForm, ...],
        BeforeValidator(_listed),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    ] = Field((), description="How dates are written besides year-month-day, such as %d/%m/%Y")

    @model_validator(mode="after")
    def _fits(self) -> "CsvForm":
        if self.thousands and self.thousands == (self.decimal or "."):
            raise ValueError("`decimal` and `thousands` are one sign")
        if self.separator in (self.quote, self.decimal if self.quote is None else None):
            raise ValueError("`separator` is a sign that cells hold")
        return self


PLAIN_FORM: Final = CsvForm()
