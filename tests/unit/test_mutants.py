"""What `make mutants` needs stays true while modules and tests move."""

from fnmatch import filter as those_of

import pytest

from tests.cases import each
from tests.conftest import ROOT
from tests.mutants.changes import changes_of
from tests.mutants.equivalent import EQUIVALENT, Lines, reason_for
from tests.mutants.pairs import PAIRS, Pair

MODULES = [
    str(file.relative_to(ROOT))
    for folder in ("store", "data", "model")
    for file in (ROOT / "tierra" / folder).rglob("*.py")
]


def test_every_pair_is_of_modules_and_tests_that_are_there() -> None:
    def there(pattern: str, pair: Pair) -> None:
        assert those_of(MODULES, pattern)
        assert [test for test in pair.tests if not (ROOT / test).is_file()] == []

    each(PAIRS.items(), there)


def test_what_is_called_equivalent_is_a_change_of_today_s_code() -> None:
    def made(module: str, changes: dict[Lines, str]) -> None:
        text = " ".join(line.strip() for line in (ROOT / module).read_text().splitlines())
        assert [gone for gone, _ in changes if gone not in text] == []

    each(EQUIVALENT.items(), made) if EQUIVALENT else None


def test_constants_decorated_functions_and_conditions_are_changed_and_words_for_people_are_not() -> None:
    source = (
        "LIMIT = 5\n"
        "@contextmanager\n"
        "def held(file):\n"
        "    if file.size < LIMIT:\n"
        "        raise Refused('too-small')\n"
        "    sync(file)\n"
        "    warn('kept')\n"
    )
    changed = {change.text for change in changes_of(source)}
    for old, new in (
        ("LIMIT = 5", "LIMIT = 6"),
        ("size < LIMIT", "size <= LIMIT"),
        ("    sync(file)", "    pass"),
        ("        raise Refused('too-small')", "        pass"),
        ("if file.size < LIMIT", "if not (file.size < LIMIT)"),
    ):
        assert source.replace(old, new) in changed
    assert not [text for text in changed if "warn(" in text and "warn('kept')" not in text]


def test_a_change_is_known_by_the_lines_that_go_and_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EQUIVALENT, "x.py", {("b = 2", "b = 3"): "nobody reads b"})
    (change,) = [each for each in changes_of("a = 1\nb = 2\n") if "b = 3" in each.text]
    assert reason_for("x.py", change.diff("x.py")) == "nobody reads b"
    assert reason_for("y.py", change.diff("y.py")) is None
