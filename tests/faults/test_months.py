"""Collecting lives through random histories; a broken protocol does not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.faults.conftest import ALL
from tests.faults.months import Months
from tierra.steps import replaced
from tierra.store import collecting, marks
from tierra.store.marks import MarkedObjects

pytestmark = pytest.mark.timeout(3000)


@pytest.fixture(autouse=True)
def one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of these histories asks for one thing at a time."""
    monkeypatch.setattr(replaced, "READERS", 1)


HISTORIES = 2000 if ALL else 40
ENOUGH = 3000 if ALL else 400


def test_in_random_months_nothing_is_removed_that_is_published() -> None:
    removed = published = 0
    for seed in range(HISTORIES):
        months = Months(seed)
        try:
            months.live()
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        removed, published = removed + months.removed, published + months.published
    assert removed > HISTORIES / 10, "nothing was ever removed"
    assert published > HISTORIES


def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove what was marked at once."""
    monkeypatch.setattr(collecting, "WAIT", timedelta(0))


def without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find what is remembered of a marked object."""
    monkeypatch.setattr(MarkedObjects, "may_be_reused", lambda *_: True)


def without_new_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a marked object under its old name."""

    @contextmanager
    def draft(self: MarkedObjects, stem: str, suffix: str) -> Iterator[Any]:
        with self._objects.draft(stem, suffix) as made:
            yield made

    monkeypatch.setattr(MarkedObjects, "draft", draft)


def without_looking_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish after however long a time."""
    monkeypatch.setattr(marks, "LIFE", timedelta(days=10_000))


BROKEN = [without_asking, without_new_names, without_looking_again, *([without_waiting] if ALL else [])]


@pytest.mark.parametrize("break_it", BROKEN)
def test_a_broken_collection_is_found(
    break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError, match="which is gone"):
        live_often()


def live_often() -> None:
    for seed in range(ENOUGH):
        Months(seed).live()
