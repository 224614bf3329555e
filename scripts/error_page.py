"""The page that lists every error: what says it, how the command ends, what to do."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tierra import errors
from tierra.errors import REMEDIES, TierraError

ROOMS = ("tierra", "tasks", "flows", "deployments")
KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TierraError)}
# What hands an error on instead of raising it, and the kind that it hands on.
HANDED_ON = {"refuse": "Misconfigured", "_refuse": "Misconfigured"}
HEAD = """\
# Errors

Every error of Tierra is one line: what is wrong and where, what to do, and a code in brackets. The codes, by what they
speak of; `…` stands for names and numbers of your own. Rendered from the source by `make render`.

| kind | exit code | retried | is |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Said:
    """One place in the source that ends in an error."""

    code: str
    kind: str
    text: str = ""


def render_errors(root: Path) -> str:
    """The page, from the sources below a checkout."""
    said = [each for room in ROOMS for file in sorted((root / room).rglob("*.py")) for each in find_errors(file)]
    groups = find_groups((root / "tierra" / "errors.py").read_text())
    parts = [f"## {title.capitalize()}\n\n" + "\n\n".join(_entry(code, said) for code in codes)
             for title, codes in groups.items()]  # fmt: skip
    return HEAD + _kinds() + "\n" + "\n\n".join(parts) + "\n"


def find_groups(source: str) -> dict[str, list[str]]:
    """The codes under the comments that head them in the catalogue."""
    groups: dict[str, list[str]] = {}
    for line in source.splitlines():
        if heading := re.fullmatch(r"    # (.+)", line):
            groups[heading[1]] = codes = []
        elif (code := re.match(r'    "([a-z-]+)": ', line)) and code[1] in REMEDIES:
            codes.append(code[1])
    return groups


def find_errors(file: Path) -> Iterator[Said]:
    """Every error a source file makes, with its kind and the pattern of its text."""
    tree = ast.parse(file.read_text())
    for function in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and _kind(node) and node.args]
        told = [Said(code, _kind(call), _pattern(call.args[1:])) for call in calls for code in _codes(call.args[0])]
        yield from told
        # A code that is chosen first and raised further down.
        open_kinds = {_kind(call) for call in calls if not list(_codes(call.args[0]))}
        codes = set(_codes(function)) - {each.code for each in told}
        yield from (Said(code, kind) for code in sorted(codes) for kind in sorted(open_kinds))


def find_codes(file: Path) -> set[str]:
    """Every code a source file writes where it makes an error, known or not."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    first = [call.args[0] for call in calls if _kind(call) and call.args]
    choices = [
        choice for each in first for choice in ([each.body, each.orelse] if isinstance(each, ast.IfExp) else [each])
    ]
    return {str(each.value) for each in choices if isinstance(each, ast.Constant)}


def _kind(call: ast.Call) -> str:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    return HANDED_ON.get(name, name if name in KINDS else "")


def _codes(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value in REMEDIES:
            yield each.value


def _pattern(arguments: list[ast.expr]) -> str:
    match arguments:
        case [ast.Constant(value=str(text)), *_]:
            return text
        case [ast.JoinedStr(values=parts), *_]:
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
    return ""


def _entry(code: str, said: list[Said]) -> str:
    kinds = list(dict.fromkeys(each.kind for each in said if each.code == code))
    texts = [text for text in dict.fromkeys(each.text for each in said if each.code == code) if text.strip("… :")]
    ends = [f"`{kind}`, exit code {KINDS[kind].exit_code}" for kind in kinds]
    lines = [f"### {code}", "", f"{'; or '.join(ends)}. {REMEDIES[code]}." if ends else f"{REMEDIES[code]}."]
    return "\n".join([*lines, *([""] if texts else []), *(f"- `` {text} ``" for text in texts)])


def _kinds() -> str:
    rows = [(kind, made) for kind, made in KINDS.items() if made is not TierraError]
    return "".join(
        f"| `{kind}` | {made.exit_code} | {'yes' if made.transient else 'no'} | {(made.__doc__ or '').strip()} |\n"
        for kind, made in rows
    )
