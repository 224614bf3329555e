"""Where pieces of work are done: the same results, notes and errors, here or as a task of Ray."""

import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.cases import each
from tierra import ray_tasks
from tierra.engine import is_on_ray, spread
from tierra.errors import DataRejected, Failed, Misconfigured, TierraError
from tierra.journal import Fact, at_station, note, note_made, note_request, open_journal, warn
from tierra.settings import load_settings
from tierra.store.objects import MemoryObjects
from tierra.workspace import Workspace, open_workspace


@dataclass(frozen=True)
class Squared(Fact):
    number: int


def square(workspace: Workspace, number: int) -> Iterator[int]:
    """Work as steps do it: it notes, warns, and may be refused."""
    note(Squared(number))
    note_made()
    warn("numbers are squared")
    note_request(1, "slow")
    if number == 13:
        raise DataRejected("budget-exceeded", f"{number} at {workspace.settings.home.name}")
    if number == 0:
        raise ZeroDivisionError("a bug")
    yield number**2


@pytest.fixture
def on_worker(workspace: Path) -> Iterator[ray_tasks.Here]:
    """This process as if it were a worker of Ray; what it must have in common with the run."""
    ray_tasks.workspace_of_worker.cache_clear()
    yield ray_tasks.describe_here(open_workspace(), __name__)
    ray_tasks.workspace_of_worker.cache_clear()


def test_here_pieces_are_worked_on_one_by_one_as_they_are_taken(workspace: Path) -> None:
    with open_journal() as journal, at_station("square"):
        found = spread(open_workspace(), square, [2, 3, 13])
        assert [next(found), next(found)] == [4, 9]
        with pytest.raises(DataRejected, match="13 at var"):
            next(found)
    assert [fact.number for fact in journal.facts(Squared)] == [2, 3, 13]


def test_pieces_over_a_store_of_this_process_alone_never_leave_it(workspace: Path) -> None:
    on_ray = Workspace(load_settings(engine="ray"))
    assert is_on_ray(on_ray)
    trial = replace(on_ray, store=MemoryObjects())
    assert not is_on_ray(trial)
    assert list(spread(trial, square, [3])) == [9]


def test_what_a_task_notes_stands_in_the_journal_of_the_run(on_worker: ray_tasks.Here) -> None:
    tasks = [pickle.loads(pickle.dumps(ray_tasks.do_piece(square, number, on_worker))) for number in (2, 3)]
    with open_journal() as journal, at_station("square") as entry:
        assert [result for task in tasks for result in ray_tasks._taken(task)] == [4, 9]
    assert [fact.number for fact in journal.facts(Squared)] == [2, 3]
    assert len(entry.facts) == 3  # the same warning is told once
    assert entry.made == 2
    assert [retry.reason for retry in journal.retries] == ["slow", "slow"]


def test_an_error_of_a_task_comes_back_as_itself(on_worker: ray_tasks.Here) -> None:
    def raises(number: int, kind: type[TierraError], words: str) -> None:
        done = pickle.loads(pickle.dumps(ray_tasks.do_piece(square, number, on_worker)))
        with pytest.raises(kind, match=words) as caught:
            ray_tasks._taken(done)
        assert type(caught.value) is kind

    each([(13, DataRejected, r"13 at var\. .*budget-exceeded"), (0, Failed, "ZeroDivisionError: a bug")], raises)


def test_a_worker_of_another_store_clock_or_code_is_refused(
    on_worker: ray_tasks.Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(other: dict[str, str], words: str) -> None:
        done = ray_tasks.do_piece(square, 2, replace(on_worker, **other))
        with pytest.raises(Misconfigured, match=rf"{words}.*ray-differs"):
            ray_tasks._taken(done)

    each([({"store": "/elsewhere"}, "its store at .*/elsewhere"), ({"clock": "then"}, "TIERRA_CLOCK None"),
          ({"code": "other"}, "other code")], refused)  # fmt: skip


def test_without_ray_one_line_says_how_to_install_it(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Misconfigured, match=r"not installed\. Install it with pip install 'tierra\[ray\]'"):
        list(spread(Workspace(load_settings(engine="ray")), square, [1]))


def test_an_address_is_a_host_and_a_port(workspace: Path) -> None:
    assert load_settings(ray_address="10.0.0.5:6379").ray_address == "10.0.0.5:6379"
    with pytest.raises(Misconfigured, match="TIERRA_RAY_ADDRESS"):
        load_settings(ray_address="ray://user:secret@head:10001")
