"""Uses of a test part: each counted once, whoever tries again, and a new test part begins anew."""

from threading import Thread

import numpy as np
import pytest

from tierra.errors import Broken
from tierra.store.objects import MemoryObjects
from tierra.store.uses import count_use, next_use, sketch_units

ROWS = np.random.default_rng(0).integers(-(2**63), 2**63, 6000)


def test_each_use_of_the_same_rows_is_one_more_and_a_retry_is_the_same() -> None:
    objects, sketch = MemoryObjects(), sketch_units(ROWS[:2000])
    assert [count_use(objects, "rides", key, sketch) for key in ("a", "b", "b", "c", "a")] == [1, 2, 2, 3, 1]
    assert len(objects.names("uses/rides")) == 3
    assert count_use(objects, "trips", "a", sketch) == 1


def test_to_look_counts_nothing() -> None:
    objects, sketch = MemoryObjects(), sketch_units(ROWS[:2000])
    assert [next_use(objects, "rides", key, sketch) for key in ("a", "b")] == [1, 1]
    count_use(objects, "rides", "a", sketch)
    assert [next_use(objects, "rides", key, sketch) for key in ("a", "b")] == [1, 2]
    assert len(objects.objects) == 1


def test_a_test_part_is_the_same_while_most_of_its_rows_are() -> None:
    for start, count, again in (
        (0, 2000, 2),
        (600, 2000, 2),
        (1500, 2000, 1),
        (4000, 2000, 1),
        (0, 3000, 2),
        (0, 400, 2),
    ):
        objects = MemoryObjects()
        count_use(objects, "rides", "before", sketch_units(ROWS[:2000]))
        assert count_use(objects, "rides", "now", sketch_units(ROWS[start : start + count])) == again, (start, count)


def test_the_share_of_rows_in_another_sketch_is_told_to_within_its_size() -> None:
    for shared in (0.0, 0.3, 0.5, 0.8, 1.0):
        start = int(2000 * (1 - shared))
        found = sketch_units(ROWS[start : start + 2000]).share_in(sketch_units(ROWS[:2000]))
        assert found == pytest.approx(shared, abs=0.12), shared  # the standard error is 0.044 at most


def test_days_are_units_too_and_a_window_that_moves_on_becomes_another_test_part() -> None:
    objects = MemoryObjects()
    times = [count_use(objects, "rides", f"week {week}", sketch_units(np.arange(7 * week, 7 * week + 28)))
             for week in range(6)]  # fmt: skip
    assert times == [1, 2, 2, 2, 2, 2]


def test_trainings_at_the_same_time_are_all_counted() -> None:
    objects, sketch, found = MemoryObjects(), sketch_units(ROWS[:500]), list[int]()
    threads = [
        Thread(target=lambda key=key: found.append(count_use(objects, "rides", key, sketch))) for key in "abcdefgh"
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == list(range(1, 9))


def test_a_use_that_is_not_what_was_written_is_refused() -> None:
    objects, sketch = MemoryObjects(), sketch_units(ROWS[:500])
    count_use(objects, "rides", "a", sketch)
    objects.objects["uses/rides/000001.json"] = b"{"
    with pytest.raises(Broken, match="no use of a test part"):
        count_use(objects, "rides", "b", sketch)
