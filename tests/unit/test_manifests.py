"""What a manifest must say to be one, and what publishing it asks of a store."""

import json
from collections.abc import Collection
from typing import Any

import pytest
from pydantic import ValidationError

from tests.cases import each
from tests.sinks import DATASET, DAY, manifest_of, rows
from tierra.errors import Broken, Misconfigured, TierraError, Unavailable
from tierra.journal import Warned, at_station, open_journal
from tierra.store.manifest import Manifest
from tierra.store.memo import digest
from tierra.store.objects import MemoryObjects
from tierra.store.part_names import manifest_name
from tierra.store.predictions import (
    generations,
    is_reusable,
    missing_generations,
    publish,
    read_manifest,
    read_published,
)
from tierra.store.refs import RowsScored, TableRef
from tierra.store.sinks import ObjectSink
from tierra.store.sweeping import sweep

OTHER_DAY = "2024-04-30"


def part(name: str, count: int) -> TableRef:
    return TableRef(name=name, sha256=name, rows=count, columns={})


def a_manifest(rows_in: int, scored: int, quarantined: int, *parts: TableRef) -> Manifest:
    return Manifest(dataset=DATASET, partition=DAY, inputs="i", model="m", scoring="s", model_version="1",
                    rows_in=rows_in, rows_scored=scored, rows_quarantined=quarantined, parts=parts)  # fmt: skip


def test_every_row_that_came_in_was_scored_or_quarantined_and_is_in_one_part() -> None:
    good = a_manifest(5, 3, 2, part("a", 1), part("b", 2))
    assert (good.format, good.generation, good.published_at, good.writer, good.digest) == (2, 0, "", "", "")

    def refused(numbers: tuple[int, int, int], parts: list[TableRef], reason: str) -> None:
        with pytest.raises(ValidationError, match=reason):
            a_manifest(*numbers, *parts)

    each(
        [
            ((1, 3, 2), [part("a", 3)], "1 rows in, but 5 out"),
            ((6, 3, 2), [part("a", 3)], "6 rows in, but 5 out"),
            ((5, 3, 2), [part("a", 5)], "3 rows scored, but 5 in its parts"),
            ((5, 3, 2), [part("a", 1)], "3 rows scored, but 1 in its parts"),
            ((2, 2, 0), [part("a", 1), part("a", 1)], "a part is named twice"),
        ],
        refused,
    )


def test_a_manifest_names_the_rows_it_was_scored_from_and_one_that_does_not_verifies_as_before() -> None:
    sink, joined = ObjectSink(MemoryObjects(), DATASET), RowsScored(rows=part("j", 3), history=part("h", 9))
    publish(sink, manifest_of(sink, rows("a"), after=0, joined=joined), 0)
    found = read_manifest(sink, DAY)
    assert found
    assert found.joined == joined
    said = json.loads(found.model_dump_json(exclude={"joined", "digest"}))
    older = said | {"partition": OTHER_DAY, "rows_in": 0, "rows_scored": 0, "parts": []}
    text = json.dumps(older | {"digest": digest(older)}).encode()
    sink.objects.put_if_absent(manifest_name(DATASET, OTHER_DAY, 1), text)
    before = read_manifest(sink, OTHER_DAY)
    assert before
    assert before.joined is None


def test_a_manifest_restores_an_earlier_generation_alone() -> None:
    good = a_manifest(1, 1, 0, part("a", 1)).model_dump() | {"generation": 3, "restores": 2}
    assert Manifest(**good).named == (part("a", 1),)
    assert Manifest(**good | {"record": part("b", 0)}).named == (part("a", 1), part("b", 0))
    for number in (3, 4):
        with pytest.raises(ValidationError, match=f"generation 3 cannot restore generation {number}"):
            Manifest(**good | {"restores": number})


def test_manifests_say_the_same_when_their_rows_are_the_same_whoever_wrote_them() -> None:
    mine = a_manifest(3, 3, 0, part("a", 1), part("b", 2))
    assert mine.says_the_same(mine.model_copy(update={"writer": "another", "generation": 7}))
    assert not mine.says_the_same(a_manifest(3, 3, 0, part("a", 1), part("c", 2)))
    assert not mine.says_the_same(a_manifest(1, 1, 0, part("a", 1)))


def test_what_is_wrong_with_a_manifest_is_said() -> None:
    sink = ObjectSink(MemoryObjects(), DATASET)
    sink.objects.put_if_absent(manifest_name(DATASET, DAY, 1), b'{"format": 3}')
    with pytest.raises(Broken, match=r"000001\.json: 11 validation errors for Manifest"):
        read_manifest(sink, DAY)


def test_a_manifest_that_was_removed_is_missing_whichever_it_was() -> None:
    sink = ObjectSink(MemoryObjects(), DATASET)
    for after in range(3):
        publish(sink, manifest_of(sink, rows("a"), after=after), after)
    assert missing_generations(sink) == []
    for number in (1, 3):
        sink.objects.remove(manifest_name(DATASET, DAY, number))
    assert missing_generations(sink) == missing_generations(sink, [DAY]) == [(DAY, 1), (DAY, 3)]
    assert missing_generations(sink, [OTHER_DAY]) == []
    with pytest.raises(Broken, match=rf"{DAY}/000003\.json was published and is gone"):
        read_manifest(sink, DAY)


def test_a_part_that_is_there_and_intact_is_used_again_and_no_other() -> None:
    sink = ObjectSink(MemoryObjects(), DATASET)
    (ref,) = manifest_of(sink, rows("a", "b")).parts
    assert is_reusable(sink, ref)
    assert not is_reusable(sink, ref.model_copy(update={"rows": 3}))
    sink.objects.remove(ref.name)
    assert not is_reusable(sink, ref)


class Slow(ObjectSink):
    """A manifest appears between two questions."""

    asked = 0

    def read_manifest(self, partition: str, generation: int) -> bytes:
        self.asked += 1
        if self.asked == 1:
            raise FileNotFoundError
        return super().read_manifest(partition, generation)


def test_a_manifest_that_was_published_between_two_questions_is_read() -> None:
    sink = Slow(MemoryObjects(), DATASET)
    publish(sink, manifest_of(sink, rows("a")), 0)
    found = read_manifest(sink, DAY)
    assert found
    assert (found.generation, sink.asked) == (1, 2)


def test_a_good_manifest_under_another_name_is_refused() -> None:
    sink = ObjectSink(MemoryObjects(), DATASET)
    publish(sink, manifest_of(sink, rows("a")), 0)
    text = sink.read_manifest(DAY, 1)

    def planted(dataset: str, day: str, generation: int) -> None:
        sink.objects.put_if_absent(manifest_name(dataset, day, generation), text)
        said = rf"{dataset}/manifests/{day}/00000{generation}\.json is the manifest of something else.*store-tampered"
        with pytest.raises(Broken, match=said):
            read_manifest(ObjectSink(sink.objects, dataset), day, generation)

    each([(DATASET, DAY, 2), (DATASET, OTHER_DAY, 1), ("others", DAY, 1)], planted)


def test_the_part_of_a_writer_that_stood_down_is_pending_until_it_is_swept() -> None:
    sink = ObjectSink(MemoryObjects(), DATASET)
    mine, theirs = (manifest_of(sink, rows(key), after=0) for key in "ab")
    assert [publish(sink, manifest, 0)[1] for manifest in (theirs, mine)] == ["published", "stood down"]
    assert [each.name for each in sink.pending()] == [mine.parts[0].name]
    assert sweep(sink) == [mine.parts[0].name]
    assert sink.pending() == []


def test_what_is_not_published_is_named() -> None:
    sink = ObjectSink(MemoryObjects(), DATASET)
    for generation, named in ((None, DAY), (2, f"generation 2 of {DAY}")):
        with pytest.raises(Misconfigured, match=rf"^{DATASET}: {named} is not published"):
            read_published(sink, DAY, generation)


def test_what_an_older_version_said_is_published_in_today_s_form() -> None:
    sink = ObjectSink(MemoryObjects(), DATASET)
    publish(sink, manifest_of(sink, rows("a"), format=1), 0)
    found = read_manifest(sink, DAY)
    assert found
    assert (found.format, len(found.digest)) == (2, 64)


class Answering(ObjectSink):
    """Publishes or not, answers as it is told, and may fail when it is asked what is there."""

    def __init__(self, publishes: bool, answer: TierraError | bool, found: TierraError | None = None) -> None:
        super().__init__(MemoryObjects(), DATASET)
        self._publishes, self._answer, self._found = publishes, answer, found

    def put_manifest(self, *given: Any) -> bool:
        if self._publishes:
            super().put_manifest(*given)
        if isinstance(self._answer, TierraError):
            raise self._answer
        return self._answer

    def read_manifest(self, partition: str, generation: int) -> bytes:
        if self._found:
            raise self._found
        return super().read_manifest(partition, generation)


LOST, SILENT = Unavailable("store-unavailable", "no answer"), Unavailable("store-unavailable", "still no answer")
FULL, DAMAGED = Broken("store-failed", "the disk is full"), Broken("store-tampered", "damaged")


def test_where_the_answer_is_not_that_it_was_created_what_is_there_decides() -> None:
    def published(answer: TierraError | bool, warned: bool) -> None:
        sink = Answering(True, answer)
        with open_journal() as journal, at_station("publish"):
            assert publish(sink, manifest_of(sink, rows("a")), 0)[1] == "published"
        told = [fact.text for fact in journal.facts(Warned)]
        assert ["may not outlive a power cut: the disk is full" in text for text in told] == [True] * warned

    each([(False, False), (LOST, False), (FULL, True)], published)


def test_where_nothing_is_there_both_errors_are_said_and_work_goes_on_only_where_nobody_answered() -> None:
    def fails(answer: TierraError | bool, found: TierraError | None, message: str) -> None:
        sink = Answering(False, answer, found)
        with pytest.raises(TierraError, match=message) as caught:
            publish(sink, manifest_of(sink, rows("a")), 0)
        assert isinstance(caught.value, Unavailable) == ("unanswered" in message)

    each(
        [
            (False, None, rf"{DAY}/000001\.json was there and is gone.*store-tampered"),
            (LOST, None, rf"{DAY}/000001\.json: no answer, and nothing is there.*publish-unanswered"),
            (FULL, None, "the disk is full.*store-failed"),
            (False, DAMAGED, "damaged.*store-tampered"),
            (FULL, DAMAGED, "it is not known.*: the disk is full; then damaged.*publish-unknown"),
            (LOST, DAMAGED, "it is not known.*: no answer; then damaged.*publish-unknown"),
            (LOST, SILENT, "it is not known.*: no answer; then still no answer.*publish-unanswered"),
            (FULL, SILENT, "it is not known.*: the disk is full; then still no answer.*publish-unanswered"),
        ],
        fails,
    )


class Listed(MemoryObjects):
    """Objects that keep which folders were listed, of which partitions, and what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[tuple[str, Any]] = []
        self.was_read: list[str] = []

    def read(self, name: str) -> bytes:
        self.was_read.append(name)
        return super().read(name)

    def names(self, folder: str, within: Collection[str] | None = None) -> list[str]:
        self.listed.append((folder.removeprefix(f"{DATASET}/"), within))
        return super().names(folder, within)


def test_publishing_lists_the_parts_of_its_day_and_more_only_where_another_was_ahead() -> None:
    objects = Listed()
    sink = ObjectSink(objects, DATASET)
    for day in (DAY, OTHER_DAY):
        publish(sink, manifest_of(sink, rows("a"), day), 0)
    late, quick = (manifest_of(sink, rows(key), after=1) for key in ("late", "quick"))
    objects.listed.clear()

    publish(sink, manifest_of(sink, rows("b"), OTHER_DAY, after=1), 1)
    assert (objects.listed, objects.was_read) == ([("parts", [OTHER_DAY])], [])
    objects.listed.clear()
    assert read_manifest(sink, OTHER_DAY)
    assert {str(within) for _, within in objects.listed} == {f"['{OTHER_DAY}']"}
    publish(sink, quick, 1)  # another part of its generation is there, so it looks whether that was published

    def look_for_another() -> None:
        objects.listed.clear()
        assert publish(sink, late, 1)[1] == "stood down"

    look_for_another()
    assert objects.listed == [("parts", [DAY]), ("parts", [DAY]), ("manifests", [DAY]), ("manifests", [DAY])]
    objects.remove(manifest_name(DATASET, DAY, 2))
    with pytest.raises(Broken, match=rf"{DAY}/000002\.json was published and is gone"):
        look_for_another()
    assert [each for each in objects.listed if each[0] != "pending" and each[1] != [DAY]] == []
    assert generations(sink) == {DAY: 2, OTHER_DAY: 2}
