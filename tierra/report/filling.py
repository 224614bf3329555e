"""Fills the templates of pages."""

from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from tierra.report.wording import (
    amount,
    brief,
    cell,
    exact,
    heading,
    inline,
    is_digest,
    lower_is_better,
    number,
    shorten,
)

LARGEST = 2_000_000
ROWS = (120, 40, 12, 3)


def fill(template: str, values: dict[str, Any]) -> str:
    """Render a page from its template, with as many rows of each table as keep it under two megabytes."""
    page = ""
    for shown in ROWS:
        page = _environment().get_template(template).render({**values, "shown": shown})
        if len(page.encode(errors="replace")) < LARGEST:
            break
    return page


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tierra.report"), autoescape=select_autoescape(["html"]), trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    filters: tuple[Callable[..., Any], ...] = (amount, brief, cell, exact, heading, inline, number, shorten)
    environment.filters.update({each.__name__: each for each in filters})
    environment.tests |= {"lower_is_better": lower_is_better, "digest": is_digest}
    return environment
