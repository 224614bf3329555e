"""The page that lists every error: its text, how the command ends, what to do."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from scripts.markdown import fill_template, make_table
from tierra import errors
from tierra.errors import REMEDIES, TierraError

Node = TypeVar("Node", bound=ast.AST)
PACKAGES = ("tierra", "tasks", "flows", "deployments")
KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TierraError)}
# Functions that make an error as its class would, and that class.
MAKERS = {"refuse": "Misconfigured", "_refuse": "Misconfigured"}


@dataclass(frozen=True)
class ErrorSite:
    """A place in the source that makes an error, and the pattern of its text."""

    code: str
    kind: str
    text: str = ""


def render_error_page(root: Path, template: str) -> str:
    """The page, from the sources below a checkout."""
    sites = [site for package in PACKAGES for file in sorted((root / package).rglob("*.py"))
             for site in find_errors(file)]  # fmt: skip
    groups = find_groups((root / "tierra" / "errors.py").read_text())
    parts = [f"## {title.capitalize()}\n\n" + "\n\n".join(_render(code, sites) for code in codes)
             for title, codes in groups.items()]  # fmt: skip
    return fill_template(template, kinds=_make_kind_table(), errors="\n\n".join(parts))


def find_groups(source: str) -> dict[str, list[str]]:
    """The codes under the comments that head them in the catalogue."""
    groups: dict[str, list[str]] = {}
    for line in source.splitlines():
        if heading := re.fullmatch(r"    # (.+)", line):
            groups[heading[1]] = codes = []
        elif (code := re.match(r'    "([a-z-]+)": ', line)) and code[1] in REMEDIES:
            codes.append(code[1])
    return groups


def find_errors(file: Path) -> Iterator[ErrorSite]:
    """Every error a source file makes, with its kind and the pattern of its text."""
    for function in _find_nodes(ast.parse(file.read_text()), ast.FunctionDef):
        calls = [call for call in _find_nodes(function, ast.Call) if _kind(call) and call.args]
        sites = [ErrorSite(code, _kind(call), _pattern(call.args[1:])) for call in calls
                 for code in _codes(call.args[0])]  # fmt: skip
        yield from sites
        # A code that is chosen first and raised further down.
        open_kinds = {_kind(call) for call in calls if not list(_codes(call.args[0]))}
        codes = set(_codes(function)) - {site.code for site in sites}
        yield from (ErrorSite(code, kind) for code in sorted(codes) for kind in sorted(open_kinds))


def find_codes(file: Path) -> set[str]:
    """Every code a source file writes where it makes an error, known or not."""
    calls = _find_nodes(ast.parse(file.read_text()), ast.Call)
    first = [call.args[0] for call in calls if _kind(call) and call.args]
    choices = [
        choice for each in first for choice in ([each.body, each.orelse] if isinstance(each, ast.IfExp) else [each])
    ]
    return {str(each.value) for each in choices if isinstance(each, ast.Constant)}


def _find_nodes(tree: ast.AST, kind: type[Node]) -> Iterator[Node]:
    return (node for node in ast.walk(tree) if isinstance(node, kind))


def _kind(call: ast.Call) -> str:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    return MAKERS.get(name, name if name in KINDS else "")


def _codes(node: ast.AST) -> Iterator[str]:
    for constant in _find_nodes(node, ast.Constant):
        if isinstance(constant.value, str) and constant.value in REMEDIES:
            yield constant.value


def _pattern(arguments: list[ast.expr]) -> str:
    match arguments:
        case [ast.Constant(value=str(text)), *_]:
            return text
        case [ast.JoinedStr(values=parts), *_]:
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts)
    return ""


def _render(code: str, sites: list[ErrorSite]) -> str:
    ours = [site for site in sites if site.code == code]
    ends = [f"`{kind}`, exit code {KINDS[kind].exit_code}" for kind in dict.fromkeys(site.kind for site in ours)]
    texts = [text for text in dict.fromkeys(site.text for site in ours) if text.strip("… :")]
    lines = [f"### {code}", "", f"{'; or '.join(ends)}. {REMEDIES[code]}." if ends else f"{REMEDIES[code]}."]
    return "\n".join([*lines, *([""] if texts else []), *(f"- `` {text} ``" for text in texts)])


def _make_kind_table() -> str:
    rows = [(f"`{name}`", str(kind.exit_code), "yes" if kind.transient else "no", (kind.__doc__ or "").strip())
            for name, kind in KINDS.items() if kind is not TierraError]  # fmt: skip
    return make_table(("kind", "exit code", "retried", "is"), rows)
