"""The page of what each kind of source promises of each type, from the table that a test asserts."""

from typing import Any

from scripts.markdown import fill_template, make_table
from tests.types_table import PROMISES, REFUSED, TYPES, Example
from tierra.data.spec import ColumnType


def render_types_page(template: str) -> str:
    """The page: a row a type and a column a source, and then the values that show it."""
    sources = list(dict.fromkeys(promise.source for promise in PROMISES))
    said = {(promise.type, promise.source): promise.said for promise in PROMISES}
    rows = [(f"{name} (`{kind}`)", *(said.get((kind, source), "") for source in sources))
            for kind, name in TYPES.items()]  # fmt: skip
    examples = [{"name": source, "examples": _make_examples(source)} for source in sources]
    return fill_template(template, promises=make_table(("", *sources), rows), sources=examples)


def _make_examples(source: str) -> str:
    rows = [_row(example, promise.type, declared)
            for promise in PROMISES if promise.source == source for example, declared in promise.examples]  # fmt: skip
    return make_table(("column", "holds", "`types`", "is read as"), rows)


def _row(example: Example, kind: ColumnType, declared: ColumnType | None) -> tuple[str, str, str, str]:
    column = f"`{example.column}`" if example.column else "no type"
    read = f"{kind} `{_shown(example.read)}`" if example.read is not None else "a gap"
    if example.read == REFUSED:
        read = REFUSED
    return column, f"`{example.written}`", f"`{declared}`" if declared else "", read


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
