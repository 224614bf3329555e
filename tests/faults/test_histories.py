"""The publishing protocol lives through random histories on every sink; a broken one does not."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.faults.conftest import ALL, KINDS, Survived
from tests.faults.histories import History
from tests.faults.publishing import Place
from tests.sinks import DATASET
from tierra.steps import replaced
from tierra.store import predictions, sinks, sweeping
from tierra.store.objects import MemoryObjects
from tierra.store.predictions import read_manifest
from tierra.store.sinks import ObjectSink

pytestmark = pytest.mark.timeout(3000)
HISTORIES = 500 if ALL else 10  # a sink
A_DATABASE = 20  # histories; to drop one with many more schemas takes more locks than a server has
ENOUGH = 400  # histories in which a broken protocol is found


@pytest.fixture(autouse=True)
def everything_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks are off by more than a day: no part is too young to be swept. Nobody asks for two things at once."""
    monkeypatch.setattr(sweeping, "SWEEP_AGE", timedelta(days=-2))
    for module in (replaced, sinks):
        monkeypatch.setattr(module, "READERS", 1)


@pytest.mark.parametrize("kind", KINDS)
def test_random_histories_publish_each_generation_once_and_lose_nothing(
    kind: str, place_of: Callable[[str], Place], survived: Survived, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    for seed in range(HISTORIES):
        if seed % A_DATABASE == 0:
            place = place_of(kind)
        history = History(place.numbered(seed).open(), seed)
        try:
            history.live()
        except BaseException as error:
            error.add_note(f"seed {seed} on {kind}")
            raise
        survived(kind, "a random history", True)
    with capsys.disabled():
        print(f"\n{HISTORIES} histories on {kind}: {time.monotonic() - started:.0f} s")


def without_generations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep what no manifest names, though its generation is still free."""

    def judge(sink: Any, parts: Any) -> Any:
        for part in parts:
            named = sweeping.published_parts(sink, part.partition)
            yield part, part.name in named

    monkeypatch.setattr(sweeping, "_judge", judge)


def without_highest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know a generation from its manifest alone."""

    def highest(self: ObjectSink, partitions: Any = None) -> dict[str, int]:
        return dict(sorted(self.manifests(partitions)))

    monkeypatch.setattr(ObjectSink, "highest", highest)


def without_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settle a part before its manifest."""
    real = ObjectSink.put_manifest

    def put(self: ObjectSink, partition: str, generation: int, text: bytes, parts: Any) -> bool:
        for part in parts:
            self.settle_part(part.name)
        return real(self, partition, generation, text, parts)

    monkeypatch.setattr(ObjectSink, "put_manifest", put)


def without_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore a generation and write nothing for the new one."""
    monkeypatch.setattr(ObjectSink, "write_record", lambda *_: None)


def without_former(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep the parts that the manifest of the newest generation does not name, though an earlier one does."""

    def judge(sink: Any, parts: Any) -> Any:
        for part, named in real(sink, parts):
            newest = read_manifest(sink, part.partition)
            yield part, named and bool(newest) and part.name in {each.name for each in newest.named}

    real = sweeping._judge
    monkeypatch.setattr(sweeping, "_judge", judge)


def with_overwriting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that has no put-if-absent."""

    def put(self: MemoryObjects, name: str, data: bytes) -> bool:
        self._write(name, data)
        return True

    monkeypatch.setattr(MemoryObjects, "put_if_absent", put)


def without_reading_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a name that is taken for another's, whoever's it is."""

    def stand_down(sink: Any, mine: Any, error: Any) -> Any:
        return mine, "stood down"

    monkeypatch.setattr("tierra.store.predictions._read_back", stand_down)


def without_fates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore a generation without asking whether it was collected."""

    def check(sink: Any, mine: Any) -> None:
        """Nothing of it."""

    monkeypatch.setattr(predictions, "_check_parts", check)
    monkeypatch.setattr(ObjectSink, "_check_parts", lambda *_: None)


BROKEN = [without_generations, without_highest, without_marks, without_records, without_former, with_overwriting,
          without_reading_back, without_fates]  # fmt: skip


@pytest.mark.parametrize("break_it", BROKEN)
def test_a_broken_protocol_is_found(
    break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError):
        live_often()


def live_often() -> None:
    for seed in range(ENOUGH):
        History(ObjectSink(MemoryObjects(), DATASET), seed).live()
