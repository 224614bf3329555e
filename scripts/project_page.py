"""The page that explains every key of the project file, from its schema and handwritten notes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined

from scripts.project_schema import Schema
from tierra.data.expectations import ROW_EXPECTATIONS, TABLE_EXPECTATIONS
from tierra.model.spec import METRICS
from tierra.spec import NAME

MOST_NAMES = 8
PLAIN = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text", "null": ""}


@dataclass(frozen=True)
class Section:
    """A part of the project file: where it stands, and the schema of its keys."""

    path: str
    name: str
    schema: Schema

    @property
    def top(self) -> str:
        """The top-level key it lies under."""
        return re.split(r"[.: ]", self.path)[0]

    @property
    def anchor(self) -> str:
        """Its heading as GitHub links to it."""
        return re.sub(r"[^\w\- ]", "", self.path.lower()).replace(" ", "-")


@dataclass
class Reference:
    """The sections of the reference; the template asks for those it has notes on, then for the rest."""

    schema: Schema
    shown: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sections = list(find_sections(self.schema))
        self.parts = {section.name: section for section in self.sections}

    def keys(self, top: str = "", caller: Callable[[], str] = str) -> str:
        """The tables of what lies under a top-level key, notes after the first; the top level when none is named."""
        self.shown.add(top)
        whole, *parts = [section for section in self.sections if section.top == top]
        told = [self._table(whole)] if whole.path == top else []
        parts = parts if whole.path == top else [whole, *parts]
        head = [f"## {top}", whole.schema.get("description", "") if told else ""] if top else []
        inner = [f"### {part.path}\n\n{part.schema.get('description', '')}\n\n{self._table(part)}" for part in parts]
        return "\n\n".join(filter(None, [*head, *told, caller().strip(), *inner]))

    def rest(self) -> str:
        """The tables of what was not asked for."""
        tops = dict.fromkeys(section.top for section in self.sections)
        return "\n\n".join(self.keys(top) for top in tops if top not in self.shown)

    def _table(self, section: Section) -> str:
        head = ["| key | written as | default | is |", "|---|---|---|---|"]
        return "\n".join([*head, *(self._row(section, name) for name in section.schema["properties"])])

    def _row(self, section: Section, name: str) -> str:
        said = section.schema["properties"][name]
        cells = (f"`{name}`", self._kind(said), _default(section.schema, name), said.get("description", ""))
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    def _kind(self, said: Schema) -> str:
        """What may be written there, in the words of the page's first table."""
        if "$ref" in said:
            part = self.parts[said["$ref"].rpartition("/")[2]]
            return f"[{part.path}](#{part.anchor})"
        if said.get("title") or said.get("pattern") == NAME:
            return str(said.get("title") or "name")
        if "const" in said or "enum" in said:
            return _names([said["const"]] if "const" in said else said["enum"])
        if choice := said.get("anyOf") or said.get("oneOf"):
            return " or ".join(dict.fromkeys(filter(None, map(self._kind, choice))))
        if said.get("type") == "array":
            return f"list of {self._kind(said['items'])}"
        if said.get("type") == "object":
            values = said.get("additionalProperties")
            return f"{self._kind(values if isinstance(values, dict) else {})} by name"
        return _plain(said)


def find_sections(schema: Schema) -> Iterator[Section]:
    """Every part of the file that has keys, outermost first, each once."""
    seen: set[str] = set()

    def walk(path: str, part: Schema) -> Iterator[Section]:
        for inner, name in _below(path, part):
            if name not in seen:
                seen.add(name)
                found = schema["$defs"][name]
                yield Section(_told_apart(inner, part, found), name, found)
                for key, said in found["properties"].items():
                    yield from walk(f"{inner}.{key}", said)

    yield Section("", "", schema)
    for key, said in schema["properties"].items():
        yield from walk(key, said)


def _below(path: str, part: Schema) -> Iterator[tuple[str, str]]:
    """The parts with keys that a value holds, and the path of each."""
    if "$ref" in part:
        yield path, part["$ref"].rpartition("/")[2]
    for choice in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        yield from _below(path, choice)
    if isinstance(part.get("items"), dict):
        yield from _below(path, part["items"])
    if isinstance(part.get("additionalProperties"), dict):
        yield from _below(f"{path}.NAME", part["additionalProperties"])


def _told_apart(path: str, part: Schema, found: Schema) -> str:
    """The path, with what tells a part from others that may stand there."""
    choices: list[Schema] = next((each["oneOf"] for each in _nested(part) if "oneOf" in each), [])
    if len(choices) < 2:
        return path
    const = [f"{name}: {said['const']}" for name, said in found["properties"].items() if "const" in said]
    return f"{path} with {(const or found['required'])[0]}"


def _nested(part: Any) -> Iterator[Schema]:
    if isinstance(part, dict):
        yield part
        for key in ("items", "additionalProperties"):
            yield from _nested(part.get(key))
        for choice in part.get("anyOf", ()):
            yield from _nested(choice)


def _default(schema: Schema, name: str) -> str:
    said = schema["properties"][name]
    if name in schema.get("required", ()):
        return "required"
    default = said.get("default")
    # A part's own defaults stand in its own table.
    if default in (None, "", [], {}) or isinstance(default, dict):
        return ""
    if isinstance(default, float):
        return f"`{default * 100:g}%`" if said.get("title") == "share" and default else f"`{default:g}`"
    text = yaml.safe_dump(default, default_flow_style=True, width=1000, allow_unicode=True).strip()
    return f"`{text.removesuffix('...').strip()}`"


def _names(values: list[Any]) -> str:
    if len(values) > MOST_NAMES:
        return f"one of {len(values)} names"
    return ", ".join(f"`{value}`" for value in values)


def _plain(said: Schema) -> str:
    if said.get("format") == "date":
        return "date"
    kind = PLAIN.get(said.get("type", ""), "any value")
    bounds = [
        ("minimum", "at least"),
        ("exclusiveMinimum", "over"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "under"),
    ]
    told = [f"{word} {said[bound]:g}" for bound, word in bounds if bound in said]
    return f"{kind}, {', '.join(told)}" if told else kind


def find_undescribed(schema: Schema) -> list[str]:
    """The keys that say nothing of themselves, as section.key."""
    parts = {"ProjectFile": schema, **schema["$defs"]}
    return [f"{part}.{name}" for part, said in parts.items() for name, key in said["properties"].items()
            if not key.get("description")]  # fmt: skip


def render_page(schema: Schema, template: str) -> str:
    """The page: the template with the reference in its places."""
    reference = Reference(schema)
    jinja = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701  Markdown
    metrics = {task: ", ".join(f"`{name}`" for name in names) for task, names in METRICS.items()}
    names = {
        "row_expectations": list(ROW_EXPECTATIONS),
        "table_expectations": list(TABLE_EXPECTATIONS),
        "metrics": metrics,
    }
    text = jinja.from_string(template).render(keys=reference.keys, rest=reference.rest, **names)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"
