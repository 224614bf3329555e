"""Conditions on rows that a project file may state: comparisons of columns with values, and no code.

`tenure < 2 and contract in ('monthly', 'weekly')`, `not plan == 'old'`, `email == None` for a gap. What else Python's
syntax knows is refused: a project file runs nothing.
"""

import ast
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Flags = np.ndarray[Any, np.dtype[np.bool_]]

COMPARED: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
LONGEST: Final = 1000
FORM: Final = "a condition such as tenure < 2 and contract == 'monthly', or a function as file:name"


def parse_rule(text: Any) -> ast.expr:
    """The condition's tree. Raises ValueError for anything but comparisons joined by and, or and not."""
    if not isinstance(text, str) or len(text) > LONGEST:
        raise ValueError(FORM)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(FORM) from None
    _check(tree)
    return tree


def columns_of(text: str) -> set[str]:
    """The columns that a condition reads."""
    return {node.id for node in ast.walk(parse_rule(text)) if isinstance(node, ast.Name)}


def matching_rows(text: str, rows: "pd.DataFrame") -> "Flags":
    """Which rows meet a condition. Raises TypeError where a column cannot be compared with its value."""
    return _evaluate(parse_rule(text), rows)


def _check(node: ast.expr) -> None:
    match node:
        case ast.BoolOp(values=values):
            for each in values:
                _check(each)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            _check(operand)
        case ast.Compare(left=ast.Name(), ops=[op], comparators=[value]):
            many = isinstance(op, ast.In | ast.NotIn)
            if not (many or type(op) in COMPARED) or many != isinstance(_value(value), tuple):
                raise ValueError(FORM)
        case _:
            raise ValueError(FORM)


def _value(node: ast.expr) -> Any:
    """A number, a text, None, or a tuple of them. Raises ValueError for anything else."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(FORM) from None
    values = tuple(value) if isinstance(value, tuple | list | set) else (value,)
    if not all(each is None or isinstance(each, str | int | float) for each in values):
        raise ValueError(FORM)
    return values if isinstance(value, tuple | list | set) else value


def _evaluate(node: ast.expr, rows: "pd.DataFrame") -> "Flags":
    import numpy as np

    match node:
        case ast.BoolOp(op=op, values=values):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            met: Flags = join.reduce([_evaluate(each, rows) for each in values])
            return met
        case ast.UnaryOp(operand=operand):
            return ~_evaluate(operand, rows)
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[value]):
            return _compare(rows[name], op, _value(value))
    raise AssertionError(ast.dump(node))


def _compare(values: "pd.Series[Any]", op: ast.cmpop, wanted: Any) -> "Flags":
    """A gap meets no condition but that of being one."""
    gaps = values.isna().to_numpy(bool)
    if isinstance(op, ast.In | ast.NotIn):
        found = values.isin([each for each in wanted if each is not None]).to_numpy(bool)
        found = found | (gaps & (None in wanted))
        return ~found if isinstance(op, ast.NotIn) else found
    if wanted is None:
        return ~gaps if isinstance(op, ast.NotEq) else gaps
    text = values.dtype.kind not in "fiu"
    if text != isinstance(wanted, str):
        raise TypeError(f"{values.name} holds {'text' if text else 'numbers'}, and {wanted!r} is none")
    met: Flags = COMPARED[type(op)](values, wanted).fillna(False).to_numpy(bool)
    return met & ~gaps
