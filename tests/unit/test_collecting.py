"""What a collection removes, told from what is published and stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.cases import each
from tierra.store.collecting import Published, is_due, is_from_the_future, replaced, roots, sort_objects
from tierra.store.marks import WAIT, Mark
from tierra.store.objects import Entry

DAY, NOW = "2024-04-29", datetime(2024, 6, 1, tzinfo=UTC)
MONTH = NOW - timedelta(days=30)
SHA = "ab" * 32


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def generation(at: datetime | None, restores: int | None = None, name: str = "") -> Published:
    return Published(restores, at, (f"drift/{name}",) if name else (), (f"snapshots/{name}",) if name else ())


OLD = {(DAY, number): generation(ago(days)) for number, days in enumerate([90, 80, 70, 60, 50], 1)}
REPLACED: dict[str, tuple[Any, ...]] = {
    "the newest stay": (OLD, {}, {}, 3, [1, 2]),
    "one is enough": (OLD, {}, {}, 1, [1, 2, 3, 4]),
    "more than there are": (OLD, {}, {}, 5, []),
    "what has a fate": (OLD, {(DAY, 1): "restored", (DAY, 2): "collected"}, {}, 3, []),
    "what was replaced a day ago": ({**OLD, (DAY, 2): generation(ago(1))}, {}, {}, 3, [2]),
    "by the sink's own clock too": (OLD, {}, {(DAY, 2): ago(1)}, 3, [2]),
    "nobody knows when": ({**OLD, (DAY, 2): generation(None)}, {}, {}, 3, [2]),
    "one that restores": ({**OLD, (DAY, 2): generation(ago(80), restores=1)}, {(DAY, 1): "restored"}, {}, 3, []),
}


def test_a_generation_goes_when_it_was_replaced_long_ago_and_is_not_among_the_newest() -> None:
    def check(case: str) -> None:
        published, fates, written, generations, expected = REPLACED[case]
        assert [number for _, number in replaced(published, fates, written, generations, MONTH)] == expected

    each(REPLACED, check)


def test_what_a_generation_was_scored_from_stays_for_a_while_and_the_rest_while_it_has_rows() -> None:
    published = {
        (DAY, 1): generation(ago(90), name="collected"),
        (DAY, 2): generation(ago(90), name="old"),
        (DAY, 3): generation(ago(1), name="young"),
        (DAY, 4): generation(ago(1), restores=2, name="old"),
        (DAY, 5): generation(None, name="unknown"),
        (DAY, 6): generation(ago(90), name="clock behind"),
    }
    found = set(roots(published, {(DAY, 1): "collected"}, {(DAY, 6): ago(1)}, MONTH))
    assert {name for name in found if name.startswith("drift")} == {
        "drift/old", "drift/young", "drift/unknown", "drift/clock behind"
    }  # fmt: skip
    assert {name for name in found if name.startswith("snap")} == {
        "snapshots/young", "snapshots/unknown", "snapshots/clock behind"
    }  # fmt: skip


def test_a_mark_is_due_after_the_wait_by_the_stores_clock() -> None:
    cases = {0: (False, False), 5.9: (False, False), 6: (True, False), 400: (True, False), -0.9: (False, False),
             -1.1: (False, True)}  # fmt: skip
    for days, expected in cases.items():
        mark = Mark(1, frozenset({"x"}), ago(days))
        assert (is_due(mark, NOW), is_from_the_future(mark, NOW)) == expected
    assert not is_due(Mark(0, frozenset()), NOW)
    assert timedelta(days=6) == WAIT


def entry(name: str, days: float) -> Entry:
    return Entry(name, 10, ago(days))


def test_objects_go_when_they_were_marked_and_are_marked_when_they_are_old() -> None:
    names = {
        name: f"snapshots/{sha * 64}.parquet"
        for name, sha in zip(("marked", "kept", "old", "young"), "0123", strict=True)
    }
    marked = Mark(1, frozenset([names["marked"], names["kept"]]), ago(7))
    entries = [entry(name, 1 if each == "young" else 90) for each, name in names.items()]
    foreign = [entry(name, 900) for name in ("snapshots/readme.txt", f"models/parts/2024/{SHA}.parquet",
                                             "champions/rides/000001.json")]  # fmt: skip
    for due, going, to_mark in ((True, ["marked"], ["old"]), (False, [], ["marked", "old"])):
        found = sort_objects([*entries, *foreign], {names["kept"]}, marked, due, MONTH)
        assert [each.name for each in found.going] == [names[each] for each in going]
        assert [each.name for each in found.to_mark] == [names[each] for each in to_mark]
        line = found.lines["snapshots"]
        assert (line.objects, line.bytes, line.going_bytes) == (4, 40, 10 * len(going))
        assert line.marked_bytes == 10 * len(to_mark)
