"""The page that explains every key of the project file, from its schema and handwritten notes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scripts.markdown import fill_template, make_anchor, make_table
from scripts.project_schema import Schema
from scripts.schema_words import describe_default, describe_type
from tierra.data.expectations import ROW_EXPECTATIONS, TABLE_EXPECTATIONS
from tierra.model.spec import METRICS


@dataclass(frozen=True)
class Section:
    """A part of the project file: its path, and the schema of its keys."""

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
        return make_anchor(self.path)


@dataclass
class Reference:
    """The sections of the reference; the template asks for those it has notes on, then for the rest."""

    schema: Schema
    shown: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sections = list(find_sections(self.schema))
        self.by_name = {section.name: section for section in self.sections}

    def keys(self, top: str = "", caller: Callable[[], str] = str) -> str:
        """The tables of what lies under a top-level key, notes after the first; the top level when none is named."""
        self.shown.add(top)
        sections = [section for section in self.sections if section.top == top]
        whole = sections.pop(0) if sections[0].path == top else None
        head = [f"## {top}"] if top else []
        if whole:
            head += [whole.schema.get("description", "") if top else "", self._table(whole)]
        inner = [f"### {each.path}\n\n{each.schema.get('description', '')}\n\n{self._table(each)}" for each in sections]
        return "\n\n".join(filter(None, [*head, caller().strip(), *inner]))

    def rest(self) -> str:
        """The tables of what was not asked for."""
        tops = dict.fromkeys(section.top for section in self.sections)
        return "\n\n".join(self.keys(top) for top in tops if top not in self.shown)

    def _table(self, section: Section) -> str:
        part = section.schema
        rows = [
            (f"`{name}`", describe_type(key, self._link), describe_default(part, name), key.get("description", ""))
            for name, key in part["properties"].items()
        ]
        return make_table(("key", "written as", "default", "is"), rows)

    def _link(self, name: str) -> str:
        section = self.by_name[name]
        return f"[{section.path}](#{section.anchor})"


def find_sections(schema: Schema) -> Iterator[Section]:
    """Every part of the file that has keys, outermost first, each once."""
    seen: set[str] = set()

    def walk(path: str, part: Schema) -> Iterator[Section]:
        for inner, name in _find_parts(path, part):
            if name not in seen:
                seen.add(name)
                found = schema["$defs"][name]
                yield Section(_add_tag(inner, part, found), name, found)
                for key, each in found["properties"].items():
                    yield from walk(f"{inner}.{key}", each)

    yield Section("", "", schema)
    for key, each in schema["properties"].items():
        yield from walk(key, each)


def _find_parts(path: str, part: Schema) -> Iterator[tuple[str, str]]:
    """The parts with keys that a value holds, and the path of each."""
    if "$ref" in part:
        yield path, part["$ref"].rpartition("/")[2]
    for choice in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        yield from _find_parts(path, choice)
    if isinstance(part.get("items"), dict):
        yield from _find_parts(path, part["items"])
    if isinstance(part.get("additionalProperties"), dict):
        yield from _find_parts(f"{path}.NAME", part["additionalProperties"])


def _add_tag(path: str, part: Schema, found: Schema) -> str:
    """The path, with the key that distinguishes this part from others that may stand in its place."""
    choices: list[Schema] = next((each["oneOf"] for each in _find_choices(part) if "oneOf" in each), [])
    if len(choices) < 2:
        return path
    tags = [f"{name}: {key['const']}" for name, key in found["properties"].items() if "const" in key]
    return f"{path} with {(tags or found['required'])[0]}"


def _find_choices(part: Any) -> Iterator[Schema]:
    if isinstance(part, dict):
        yield part
        for key in ("items", "additionalProperties"):
            yield from _find_choices(part.get(key))
        for choice in part.get("anyOf", ()):
            yield from _find_choices(choice)


def render_project_page(schema: Schema, template: str) -> str:
    """The page: the template with the reference in its places."""
    reference = Reference(schema)
    metrics = {task: ", ".join(f"`{name}`" for name in names) for task, names in METRICS.items()}
    expectations = {"row_expectations": list(ROW_EXPECTATIONS), "table_expectations": list(TABLE_EXPECTATIONS)}
    names = {**expectations, "metrics": metrics}
    return fill_template(template, keys=reference.keys, rest=reference.rest, **names)
