"""The history of champions is a chain: each entry holds the digest of the one before, and a seal knows the newest."""

import json
from typing import Any

import pytest

from tests.cases import each
from tests.champions import an_appointment, keep_champion, keep_model
from tierra.errors import Broken
from tierra.model.champions import Champions
from tierra.model.pointers import Pointer, TakenBack, digest_of
from tierra.model.release import Champion
from tierra.steps.repoint import lineage
from tierra.store.objects import MemoryObjects

FOLDER = "champions/rides"


def a_history(entries: int = 3) -> MemoryObjects:
    objects = MemoryObjects()
    for after in range(entries):
        assert keep_champion(objects, after, f"inputs {after}", version=str(after + 1))
    return objects


def name(number: int) -> str:
    return f"{FOLDER}/{number:06d}.json"


def write(objects: MemoryObjects, number: int, text: str) -> None:
    objects.objects[name(number)] = text.encode()


def edit(objects: MemoryObjects, number: int, **changes: Any) -> None:
    write(objects, number, json.dumps(json.loads(objects.read(name(number))) | changes))


def breaks(objects: MemoryObjects) -> str:
    """What is wrong with the history."""
    try:
        Champions(objects).check_history("rides")
    except Broken as error:
        return error.what.split(": ", 1)[1] if error.code == "history-tampered" else error.code
    return ""


def drop_seals(objects: MemoryObjects) -> None:
    for seal in objects.names(f"{FOLDER}/seals"):
        objects.remove(seal)


def test_each_entry_holds_the_digest_of_the_one_before() -> None:
    objects = a_history()
    history = Champions(objects).history("rides")
    assert [pointer.format for pointer in history] == [2, 2, 2]
    assert [pointer.before for pointer in history] == ["", *(digest_of(objects.read(name(each))) for each in (1, 2))]
    assert breaks(objects) == breaks(MemoryObjects()) == ""


def test_an_entry_that_was_changed_or_removed_is_found_and_named() -> None:
    edited, gone = "is not what was written", "is gone"

    def check(number: int, with_seals: bool, removed: bool, expected: str) -> None:
        objects = a_history()
        objects.remove(name(number)) if removed else edit(objects, number, why="another reason")
        if not with_seals:
            drop_seals(objects)
        assert breaks(objects) == expected

    each(
        [
            *((number, True, False, f"entry {number} {edited}") for number in (1, 2, 3)),
            *((number, True, True, f"entry {number} {gone}") for number in (1, 2, 3)),
            *((number, False, False, f"entry {number} {edited}") for number in (1, 2)),
            *((number, False, True, f"entry {number} {gone}") for number in (1, 2)),
            # Whoever takes the newest entry's seal away too leaves no trace: docs/exactly-once.md.
            (3, False, True, ""),
        ],
        check,
    )


def test_an_entry_that_was_put_in_the_place_of_a_removed_one_is_found() -> None:
    objects = a_history()
    objects.remove(name(3))
    assert keep_champion(objects, 2, "others")
    assert breaks(objects) == "entry 3 is not what was written"


def test_entries_of_older_versions_are_links_of_the_chain_too() -> None:
    objects = a_history(1)
    drop_seals(objects)
    old = {name: value for name, value in json.loads(objects.read(f"{FOLDER}/000001.json")).items() if name in OLD}
    write(objects, 1, json.dumps(old | {"format": 1, "who": "MLflow"}))
    (first,) = Champions(objects).history("rides")
    assert (first.format, first.before, first.deed) == (1, "", "taken over")
    assert breaks(objects) == ""
    assert keep_champion(objects, 1, "others")
    assert breaks(objects) == ""
    edit(objects, 1, why="another")
    assert breaks(objects) == "entry 1 is not what was written"


OLD = {"version", "run_id", "experiment_id", "who", "why", "when", "project", "number", "verdict", "candidate",
       "release", "model", "code"}  # fmt: skip


def with_models() -> tuple[Champions, MemoryObjects]:
    """Two champions whose models are there."""
    import hashlib

    from tests.champions import a_release

    objects = MemoryObjects()
    for after, data in enumerate((b"good", b"bad")):
        release = a_release(inputs=f"{after}", model_sha256=hashlib.sha256(data).hexdigest())
        by = an_appointment(version=str(after + 1))
        assert Champions(objects).appoint(release, keep_model(objects, data), {}, by, after)
    return Champions(objects), objects


def again(champions: Champions, writer: str, after: int = 2) -> Champion | None:
    first = champions.history("rides")[0]
    by = an_appointment(version="1", did="rolled back", again=1, writer=writer)
    return champions.appoint_again(first, by, after)


def test_an_earlier_champion_is_appointed_again_by_a_new_entry_and_of_two_at_once_one_wins() -> None:
    champions, _ = with_models()
    made = again(champions, "one")
    assert made
    assert (made.number, made.version) == (3, "1")
    assert again(champions, "one") == made, "the same work tries again"
    assert again(champions, "two") is None, "though it appoints the same model"
    first, _, third = champions.history("rides")
    assert (third.release, third.deed, third.again) == (first.release, "rolled back", 1)
    assert champions.latest("rides") == third
    champions.check_history("rides")


def test_an_entry_whose_files_are_gone_or_changed_is_not_appointed_again() -> None:
    def check(pattern: str, change: bytes | None, code: str) -> None:
        champions, objects = with_models()
        (file,) = [each for each in objects.objects if each == getattr(champions.history("rides")[0], pattern).name]
        objects.remove(file) if change is None else objects.objects.update({file: change})
        with pytest.raises(Broken) as caught:
            again(champions, "one")
        assert caught.value.code == code
        assert len(champions.history("rides")) == 2

    each(
        [
            ("model", None, "artifact-missing"),
            ("model", b"x", "artifact-tampered"),
            ("release", None, "artifact-missing"),
            ("release", b"{}", "artifact-tampered"),
        ],
        check,
    )


def test_what_was_taken_back_stays_so_under_later_champions_until_it_is_promoted() -> None:
    champions, objects = with_models()
    first, bad = champions.history("rides")
    model = bad.model.sha256
    assert champions.taken_back("rides", model, "s") is None
    by = an_appointment(version="1", did="rolled back", again=1, taken_back=[TakenBack(version="2", model=model)])
    assert champions.appoint_again(first, by, 2)
    assert keep_champion(objects, 3, "a third", version="3")
    found = champions.taken_back("rides", model, "s")
    assert found
    assert found.number == 3
    assert champions.taken_back("rides", first.model.sha256, "s") is None
    assert champions.appoint_again(bad, an_appointment(version="2", did="promoted", again=2), 4)
    assert champions.taken_back("rides", model, "s") is None


def test_a_version_taken_back_is_known_by_model_and_recipe() -> None:
    each(
        [
            (TakenBack(version="2", model="m", scoring="s"), "m", "s", True),
            (TakenBack(version="2", model="m", scoring="s"), "m", "other", False),
            (TakenBack(version="2", model="m", scoring="s"), "other", "s", False),
            (TakenBack(version="2", model="m"), "m", "any", True),
        ],
        lambda taken, model, scoring, expected: _equal(taken.published(model, scoring), expected),
    )


def _equal(found: bool, expected: bool) -> None:
    assert found == expected


def test_the_line_of_entries_that_led_to_what_serves_leaves_out_what_was_taken_back() -> None:
    champions, _ = with_models()
    pointer = champions.history("rides")[0]

    def history(*deeds: tuple[str, int | None]) -> list[Pointer]:
        return [pointer.model_copy(update={"number": number, "did": did, "again": again})
                for number, (did, again) in enumerate(deeds, 1)]  # fmt: skip

    def check(deeds: list[tuple[str, int | None]], expected: list[int]) -> None:
        assert [entry.number for entry in lineage(history(*deeds))] == expected

    trained, promoted = ("trained", None), ("promoted", 1)
    each(
        [
            ([trained], [1]),
            ([trained, trained, ("rolled back", 1)], [1]),
            ([trained, trained, ("rolled back", 1), trained], [1, 4]),
            ([trained, trained, trained, ("rolled back", 2), ("rolled back", 1)], [1]),
            ([trained, trained, ("rolled back", 1), promoted, trained, ("rolled back", 4)], [1, 4]),
        ],
        check,
    )


def test_what_a_pointer_says_of_its_work() -> None:
    champions, _ = with_models()
    pointer: Pointer = champions.history("rides")[0]
    assert pointer.is_same_work(pointer.model_copy(update={"who": "another"}))
    assert not pointer.is_same_work(pointer.model_copy(update={"writer": "another"}))
