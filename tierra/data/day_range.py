"""A range of days that a person asked for, and which of its days a run scores."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from tierra.data.partitions import Work, parse_partition
from tierra.data.window import Window, between
from tierra.errors import InvalidCall
from tierra.store.manifest import Manifest

Which = Literal["missing", "stale", "all"]
LONGEST: Final = 3_653  # days: ten years


@dataclass(frozen=True)
class DayRange:
    """The days from the first to the last, and which of them are asked for.

    `missing` are those that are not published, or whose manifest is damaged; `stale` also those that were published
    and may have changed; `all` is every one.
    """

    first: date
    last: date
    which: Which = "missing"

    @property
    def window(self) -> Window:
        """The range as a window."""
        return between(self.first, self.last)

    def __iter__(self) -> Iterator[date]:
        return map(date.fromordinal, range(self.first.toordinal(), self.last.toordinal() + 1))


def parse_range(first: str, last: str | None, which: Which, newest: date, *, any_length: bool = False) -> DayRange:
    """A range by its two dates; to `newest`, the last day that can be due, when the second is not given.

    Raises InvalidCall for a range backwards, in the future, or over ten years unless any length is allowed.
    """
    start = parse_partition(first)
    end = parse_partition(last) if last else newest
    if end > newest or start > newest:
        raise InvalidCall("range-invalid", f"{max(start, end)} is in the future: the newest day can be {newest}")
    if start > end:
        raise InvalidCall("range-invalid", f"the range runs backwards, from {start} to {end}")
    days = (end - start).days + 1
    if days > LONGEST and not any_length:
        raise InvalidCall("range-long", f"{start} to {end} are {days:,} days, more than ten years")
    return DayRange(start, end, which)


def choose_work(
    asked: DayRange, ready: Mapping[date, int], published: Mapping[str, int], manifests: Mapping[str, Manifest]
) -> list[Work]:
    """The work of the range's days that are ready, in their order; `ready` holds the rows of each.

    A published day without a manifest here has a damaged one, which a new generation mends.
    """
    found = (_work(asked.which, day.isoformat(), rows, published, manifests) for day, rows in sorted(ready.items()))
    return [each for each in found if each]


def _work(
    which: Which, name: str, rows: int, published: Mapping[str, int], manifests: Mapping[str, Manifest]
) -> Work | None:
    generation, manifest = published.get(name, 0), manifests.get(name)
    is_whole = bool(manifest)
    if is_whole and which == "missing":
        return None
    rescore = bool(generation) and (which == "all" or not is_whole)
    return Work(name, generation, rescore=rescore, counted=rows, published=manifest)


def days_not_ready(counted: Mapping[date, int], min_rows: int, published: Collection[str]) -> tuple[str, ...]:
    """The days that have rows, fewer than they need, and are not published."""
    few = (day.isoformat() for day, rows in sorted(counted.items()) if 0 < rows < min_rows)
    return tuple(name for name in few if name not in published)
