"""A table of cases in one test: every case is tried, and every one that fails is named."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


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
