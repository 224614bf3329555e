"""Work in processes of their own: what it yields, how it fails, and that none is left."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cases import each
from tierra.errors import Broken, DataRejected, Failed
from tierra.processes import in_slices, run_apart


def test_items_are_cut_into_pieces_of_nearly_one_length_in_their_order() -> None:
    def cut(count: int, most: int, lengths: list[int]) -> None:
        pieces = in_slices(range(count), most)
        assert [len(piece) for piece in pieces] == lengths
        assert [item for piece in pieces for item in piece] == list(range(count))

    each([(0, 2, []), (1, 4, [1]), (5, 2, [2, 3]), (7, 3, [2, 2, 3]), (4, 1, [4])], cut)


def squares(power: int, numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    for number in numbers:
        yield os.getpid(), number**power


def ends_badly(numbers: Sequence[str]) -> Iterator[int]:
    """Say which process this is, then end as the first of the slice says; any other goes on for a minute."""
    yield os.getpid()
    match numbers[0]:
        case "refused":
            raise DataRejected("budget-exceeded", "too many")
        case "bug":
            raise ValueError("a bug")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def test_every_slice_is_worked_on_in_a_process_of_its_own() -> None:
    found = list(run_apart(squares, [[1, 2], [3, 4]], 2))
    assert sorted(square for _, square in found) == [1, 4, 9, 16]
    processes = {process for process, _ in found}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_what_ends_a_process_ends_the_work_and_the_other_processes() -> None:
    def refused(how: str, error: type[Exception], words: str) -> None:
        results = run_apart(ends_badly, [[how], ["goes on"]])
        seen: list[int] = []
        with pytest.raises(error, match=words):
            seen.extend(iter(lambda: next(results), None))
        assert seen
        assert not any(map(is_alive, seen))

    each(
        [
            ("refused", DataRejected, "too many"),
            ("bug", Failed, "ValueError: a bug"),
            ("killed", Broken, "ended by signal 9"),
        ],
        refused,
    )


def test_a_caller_that_takes_no_more_ends_the_processes() -> None:
    results = run_apart(ends_badly, [["goes on"]])
    process = next(iter(results))
    assert is_alive(process)
    results.close()  # type: ignore[attr-defined]
    assert not is_alive(process)


def tidies(folder: Path, numbers: Sequence[int]) -> Iterator[int]:
    """Work for a minute, and note at the end that temporary files are gone."""
    try:
        yield os.getpid()
        time.sleep(60)
    finally:
        (folder / f"tidied {numbers[0]}").touch()


def test_a_process_that_is_ended_tidies_up(tmp_path: Path) -> None:
    results = run_apart(tidies, [[1]], tmp_path)
    next(iter(results))
    results.close()  # type: ignore[attr-defined]
    assert (tmp_path / "tidied 1").exists()


def is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False
