"""The catalogue of errors and the code that raises them say the same."""

import pickle
import re

import pytest

from tests.conftest import ROOT
from tierra import errors
from tierra.errors import REMEDIES, TierraError

SOURCES = [file for room in ("tierra", "tasks", "flows", "deployments") for file in (ROOT / room).rglob("*.py")]
TEXT = {file: file.read_text() for file in SOURCES}
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TierraError)]
CODE = r"[a-z]+(?:-[a-z]+)*"
RAISED = re.compile(rf'(?:{"|".join(kind.__name__ for kind in KINDS)}|refuse)\(\s*"({CODE})",')


def test_every_code_that_is_raised_has_a_remedy() -> None:
    raised = {code for text in TEXT.values() for code in RAISED.findall(text)}
    assert len(raised) > 40
    assert raised - set(REMEDIES) == set()


def test_every_remedy_has_a_code_that_is_raised() -> None:
    used = {
        code for file, text in TEXT.items() if file.name != "errors.py" for code in re.findall(rf'"({CODE})"', text)
    }
    assert set(REMEDIES) - used == set()


@pytest.mark.parametrize("code", REMEDIES)
def test_a_remedy_is_one_sentence_without_its_stop(code: str) -> None:
    assert REMEDIES[code][0].isupper()
    assert not REMEDIES[code].endswith(".")
    assert "\n" not in REMEDIES[code]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_a_journey_between_processes(kind: type[TierraError]) -> None:
    error = pickle.loads(pickle.dumps(kind("file-missing", "no file")))
    assert (type(error), error.code, error.what) == (kind, "file-missing", "no file")
    assert str(error) == "no file. Put the file there, or correct `path`. [file-missing]"


def test_an_error_of_a_kind_has_the_exit_code_the_command_promises() -> None:
    found = {kind.__name__: kind.exit_code for kind in KINDS if kind is not TierraError}
    assert found == {"Misconfigured": 2, "SourceMissing": 2, "InvalidCall": 2, "DataRejected": 3,
                     "SourceNotReady": 3, "NoChampion": 4, "Broken": 1, "Unavailable": 1,
                     "Stopped": 143, "Cancelled": 130, "Failed": 1}  # fmt: skip
