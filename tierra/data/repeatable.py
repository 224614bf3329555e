"""Whether the project's functions give the same for the same rows: at once, and at another time of day and year."""

import builtins
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, Final

import pandas as pd

from tierra.data.clock import moved
from tierra.data.code import ProjectCode, call_function
from tierra.data.recipe import Recipe
from tierra.errors import DataRejected

ROWS_CHECKED: Final = 64


def check_repeatable(recipe: Recipe, code: ProjectCode, rows: pd.DataFrame) -> None:
    """Raise DataRejected when `prepare` or `features` give other values at the next call, or at another clock."""
    known = rows.drop(columns=[name for name in recipe.withheld if name in rows.columns])
    sample = known.sample(min(len(known), ROWS_CHECKED), random_state=0).reset_index(drop=True)
    prepared = _call_again(recipe, code, "prepare", sample, rows.iloc[:0].reset_index(drop=True))
    _call_again(recipe, code, "features", prepared)


def _call_again(recipe: Recipe, code: ProjectCode, role: str, *frames: pd.DataFrame) -> pd.DataFrame:
    """What the function makes, called three times; of no function, or of a wrong result, the frame it was given."""
    function = code[role]
    if function is None or frames[0].empty:
        return frames[0]
    name = recipe.functions[role]
    first, again = (call_function(name, function, *frames) for _ in range(2))
    if not isinstance(first, pd.DataFrame):
        return frames[0]  # building the features says so
    _compare(name, first, again, "gives other values at each call")
    with _at_another_time(function, code):
        later = call_function(name, function, *frames)
    _compare(name, first, later, "depends on the clock")
    return first


def _compare(name: str, first: pd.DataFrame, other: Any, how: str) -> None:
    if not isinstance(other, pd.DataFrame) or list(first.columns) != list(other.columns):
        raise DataRejected("features-not-repeatable", f"{name}: which columns it returns {how}")
    for column in first.columns:
        if not _is_same(first[column], other[column]):
            raise DataRejected("features-not-repeatable", f"{name}: '{column}' {how}")


def _is_same(one: Any, other: Any) -> bool:
    check = pd.testing.assert_frame_equal if isinstance(one, pd.DataFrame) else pd.testing.assert_series_equal
    try:
        check(one, other, rtol=1e-9, atol=0)
    except AssertionError:
        return False
    return True


@contextmanager
def _at_another_time(function: Callable[..., Any], code: ProjectCode) -> Iterator[None]:
    """The names of the project's own modules that tell the time tell another one inside the block.

    Only those: everything else in the process, its other threads too, keeps its clock.
    """
    spaces, real_import = _namespaces(function, code, {}), builtins.__import__
    before = [(each, name, value) for each in spaces.values() for name, value in each.items() if moved(value)]

    def import_moved(name: str, names: Any = None, *rest: Any, **named: Any) -> Any:
        module = real_import(name, names, *rest, **named)
        return (moved(module) or module) if id(names) in spaces else module

    try:
        for space, name, value in before:
            space[name] = moved(value)
        vars(builtins)["__import__"] = import_moved
        yield
    finally:
        vars(builtins)["__import__"] = real_import
        for space, name, value in before:
            space[name] = value


def _namespaces(value: Any, code: ProjectCode, found: dict[int, dict[str, Any]]) -> Mapping[int, dict[str, Any]]:
    """The names that a function of the project sees, and those of the project's functions and modules among them."""
    space = _namespace(value, code)
    if space is not None and id(space) not in found:
        found[id(space)] = space
        for each in list(space.values()):
            _namespaces(each, code, found)
    return found


def _namespace(value: Any, code: ProjectCode) -> dict[str, Any] | None:
    if isinstance(value, FunctionType):
        file, space = value.__code__.co_filename, value.__globals__
    elif isinstance(value, ModuleType):
        file, space = getattr(value, "__file__", None) or "", vars(value)
    else:
        return None
    return space if file.startswith(str(code.folder)) else None
