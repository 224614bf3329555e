"""Safe YAML with line numbers: plain values only, no tags, aliases or duplicate keys."""

import re
from pathlib import Path
from typing import Any

import yaml

from tierra.errors import Misconfigured, first_line

MAX_BYTES = 256 * 1024
MAX_DEPTH = 40
Lines = dict[tuple[str | int, ...], int]


class PlainLoader(yaml.SafeLoader):
    """Safe YAML in which only true and false are booleans: `on` and `yes` are words."""


BOOL = "tag:yaml.org,2002:bool"
PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
PlainLoader.add_implicit_resolver(BOOL, re.compile(r"^(?:true|false)$"), list("tf"))


def read_yaml(file: Path) -> tuple[Any, Lines]:
    """The file's plain values, and the line of each key. Raises Misconfigured."""
    text = _text(file)
    try:
        _refuse_bombs(file, text)
        root = yaml.compose(text, Loader=PlainLoader)
        lines: Lines = {}
        _walk(file, root, (), lines)
        return yaml.load(text, Loader=PlainLoader), lines  # noqa: S506  it is a SafeLoader
    except yaml.constructor.ConstructorError as error:
        raise Misconfigured("yaml-tag", f"{_at(file, error)}: {error.problem}") from None
    except yaml.MarkedYAMLError as error:
        raise Misconfigured("yaml-invalid", f"{_at(file, error)}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Misconfigured("yaml-invalid", f"{file}: {first_line(error)}") from None


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
        if len(data) > MAX_BYTES:
            raise Misconfigured("yaml-too-large", f"{file}: {len(data):,} bytes, at most {MAX_BYTES:,}")
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured("project-unreadable", f"{file}: {error}") from None


def _refuse_bombs(file: Path, text: str) -> None:
    """Refuse aliases, which multiply content, and deep nesting, which takes quadratic time."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH and event.start_mark:
            raise Misconfigured("yaml-invalid", f"{file}:{event.start_mark.line + 1}: nested over {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent) and event.start_mark:
            raise Misconfigured("yaml-alias", f"{file}:{event.start_mark.line + 1}: alias *{event.anchor}")


def _walk(file: Path, node: Any, path: tuple[str | int, ...], lines: Lines) -> None:
    if node is None:
        return
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(file, item, (*path, index), lines)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in lines:
                raise Misconfigured("yaml-duplicate-key", f"{file}:{key.start_mark.line + 1}: '{key.value}' again")
            lines[here] = key.start_mark.line + 1
            _walk(file, value, here, lines)


def _at(file: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f"{file}:{mark.line + 1}" if mark else str(file)
