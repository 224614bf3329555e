"""All the small changes of a module that its tests should notice.

The operators are mutmut's. Its own runner leaves out decorated functions, class bodies and constants, among them most
of what makes a store durable, so here they are applied to the whole module. Left out are changes that a type checker
or the first call finds (a value that becomes None), and words for people.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

Operator = Callable[[cst.CSTNode], Iterable[cst.CSTNode]]

SKIPPED = (
    m.Annotation()
    | m.Import()
    | m.ImportFrom()
    | m.Decorator()
    | m.Assert()
    | m.If(test=m.Name("TYPE_CHECKING"))
    | m.Arg(keyword=m.Name("description"))
    | m.Subscript(value=m.Name("Literal"))
    | m.Call(func=m.Name("warn"))
    | m.SimpleStatementLine(body=[m.Expr(m.SimpleString())])
)


@dataclass(frozen=True)
class Change:
    """One change of a module, on some of its lines."""

    first: int
    last: int
    module: cst.Module
    old: cst.CSTNode
    new: cst.CSTNode

    @cached_property
    def text(self) -> str:
        """The module after it; empty where that is no other module."""
        changed = self.module.deep_replace(self.old, self.new)
        assert isinstance(changed, cst.Module)
        return changed.code if changed.code != self.module.code and _compiles(changed.code) else ""

    def diff(self, path: str) -> list[str]:
        """The change as people read it."""
        before, after = self.module.code.splitlines(), self.text.splitlines()
        return list(difflib.unified_diff(before, after, path, path, n=2, lineterm=""))


def changes_of(source: str) -> list[Change]:
    """Every change of a module, in the order of its lines; few of them change nothing or come twice."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    finder = _Finder()
    wrapper.visit(finder)
    return [Change(first, last, wrapper.module, old, new) for first, last, old, new in finder.found]


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, int, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if m.matches(node, SKIPPED):
            return False
        for new in _changed(node):
            place = self.get_metadata(PositionProvider, node, None)
            if place:
                self.found.append((place.start.line, place.end.line, node, new))
        return True


def _changed(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for kind, operator in OPERATORS:
        if isinstance(node, kind):
            yield from operator(node)


def _drop_statement(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    """Leave out a call whose result nobody wants, or an error that is raised."""
    if m.matches(node, m.SimpleStatementLine(body=[m.Expr(m.Call()) | m.Raise() | m.Del()])):
        yield node.with_changes(body=[cst.Pass()])


def _negate(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    """Do what a condition forbids, and the other way round."""
    if m.matches(node.test, m.UnaryOperation(m.Not())):
        return  # mutmut's operator takes it away
    inside = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), inside))


def _drop_argument(node: cst.Call) -> Iterator[cst.CSTNode]:
    """Leave an argument to its default, or say None where it has a place."""
    for at, argument in enumerate(node.args):
        rest = node.args[:at], node.args[at + 1 :]
        if m.matches(argument, SKIPPED):
            continue
        if argument.keyword:
            yield node.with_changes(args=[*rest[0], *rest[1]])
        elif not argument.star and not m.matches(argument.value, m.Name("None")) and not _is_text(argument.value):
            yield node.with_changes(args=[*rest[0], argument.with_changes(value=cst.Name("None")), *rest[1]])


def _is_text(node: cst.CSTNode) -> bool:
    return m.matches(node, m.FormattedString() | m.SimpleString() | m.ConcatenatedString())


def _change_text(node: cst.BaseString) -> Iterator[cst.CSTNode]:
    """Say something else, unless it is a sentence."""
    if m.matches(node, m.SimpleString(value=m.MatchIfTrue(lambda text: " " not in text))):
        yield from list(mutators.operator_string(node))[:1]


OPERATORS: tuple[tuple[type | tuple[type, ...], Callable[..., Iterable[cst.CSTNode]]], ...] = (
    (cst.SimpleStatementLine, _drop_statement),
    ((cst.If, cst.While, cst.CompIf), _negate),
    (cst.Call, _drop_argument),
    (cst.BaseNumber, mutators.operator_number),
    (cst.BaseString, _change_text),
    (cst.Name, mutators.operator_name),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.Call, mutators.operator_symmetric_string_methods_swap),
    (cst.Call, mutators.operator_unsymmetrical_string_methods_swap),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.Match, mutators.operator_match),
    (cst.IfExp, mutators.operator_if_exp),
)


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True
