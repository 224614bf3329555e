"""Many cases in one test: of a table, every one is tried and named when it fails; of drawn ones, there are some or all.

`make test` draws a fifth of the examples of a law; with EXAMPLES=all, as `make test-long` sets it, all are drawn.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import settings

ALL = os.environ.get("EXAMPLES") == "all"


def some_of(examples: int) -> settings:
    """So many examples of a law, or a fifth of them."""
    return settings(max_examples=examples if ALL else examples // 5, deadline=None)


def each(cases: Iterable[Any], check: Callable[..., None]) -> None:
    """Check every case, a tuple by its values; fails when all were tried, with the failures of each."""
    tried, failures = 0, []
    for tried, case in enumerate(cases, 1):  # noqa: B007 - how many there were
        try:
            check(*case) if isinstance(case, tuple) else check(case)
        except (Exception, pytest.fail.Exception) as failure:
            failure.add_note(f"the case: {case!r:.300}")
            failures.append((repr(case)[:80], failure))
    assert tried, "no cases"
    if failures:
        names = "; ".join(name for name, _ in failures)
        raise BaseExceptionGroup(f"{len(failures)} of {tried} cases: {names}", [failure for _, failure in failures])
