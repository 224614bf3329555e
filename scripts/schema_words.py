"""A JSON schema in words: what may be written for a key, its default, and which keys lack a description."""

from collections.abc import Callable, Iterator
from typing import Any

import yaml

from scripts.project_schema import Schema
from tierra.spec import NAME

MOST_NAMES = 8
TYPES = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text", "null": ""}
FORMATS = {"date": "date", "date-time": "time with its zone", "path": "path", "password": "secret"}
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "over", "maximum": "at most", "exclusiveMaximum": "under"}


def describe_type(key: Schema, link: Callable[[str], str]) -> str:
    """What may be written for a key; `link` makes a link to the part of the schema with a name."""
    match key:
        case {"$ref": str(target)}:
            return link(target.rpartition("/")[2])
        case {"title": str(title)}:
            return title
        case {"pattern": pattern} if pattern == NAME:
            return "name"
        case {"const": value}:
            return _list_names([value])
        case {"enum": list(values)}:
            return _list_names(values)
        case {"anyOf": list(choices)} | {"oneOf": list(choices)}:
            return " or ".join(dict.fromkeys(filter(None, (describe_type(each, link) for each in choices))))
        case {"type": "array"}:
            return f"list of {describe_type(key['items'], link)}"
        case {"type": "object"}:
            inner = key.get("additionalProperties")
            return f"{describe_type(inner if isinstance(inner, dict) else {}, link)} by name"
    return _describe_plain(key)


def _describe_plain(key: Schema) -> str:
    kind = FORMATS.get(key.get("format", "")) or TYPES.get(key.get("type", ""), "any value")
    bounds = [f"{words} {key[bound]:g}" for bound, words in BOUNDS.items() if bound in key]
    return ", ".join([kind, *bounds])


def _list_names(values: list[Any]) -> str:
    if len(values) > MOST_NAMES:
        return f"one of {len(values)} names"
    return ", ".join(f"`{value}`" for value in values)


def describe_default(part: Schema, name: str) -> str:
    """A key's default as a person would write it, `required`, or nothing."""
    if name in part.get("required", ()):
        return "required"
    key = part["properties"][name]
    default = key.get("default")
    # The defaults of a part with keys of its own are in its own table.
    if default in (None, "", [], {}) or isinstance(default, dict):
        return ""
    if isinstance(default, float):
        return f"`{default * 100:g}%`" if key.get("title") == "share" and default else f"`{default:g}`"
    text = yaml.safe_dump(default, default_flow_style=True, width=1000, allow_unicode=True).strip()
    return f"`{text.removesuffix('...').strip()}`"


def find_undescribed(name: str, schema: Schema) -> Iterator[str]:
    """The keys without a description, as part.key; `name` is that of the outermost part."""
    for part, found in {name: schema, **schema.get("$defs", {})}.items():
        yield from (f"{part}.{key}" for key, each in found.get("properties", {}).items() if not each.get("description"))
