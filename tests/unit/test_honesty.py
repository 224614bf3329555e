"""The short rounds of `make honesty`, and the bounds themselves."""

from collections.abc import Callable, Iterator

import pytest

from tests.honesty.promise import Promise
from tests.honesty.suite import SUITE

ROUNDS = [pytest.param(each, id=name, marks=() if name == "gate" else pytest.mark.long) for name, each in SUITE.items()]


@pytest.mark.parametrize("promises", ROUNDS)
def test_what_is_promised_about_chance_is_kept(promises: Callable[[bool], Iterator[Promise]]) -> None:
    broken = [each for each in promises(True) if not each.is_kept]
    assert broken == []


def test_a_true_rate_is_found_wrong_once_in_a_hundred() -> None:
    assert Promise("an equal challenger is promoted", 24, 300, 0.05).is_kept
    assert not Promise("an equal challenger is promoted", 25, 300, 0.05).is_kept
    assert Promise("a better one is promoted", 66, 100, 0.75, "least").limit == 65
