"""What the terminal says of a run while it is under way."""

from tierra.cli.calling import MOST_WARNINGS, _Warnings
from tierra.journal import Entry, Warned


def test_a_warning_is_said_once_as_its_station_ends_and_of_many_the_first_few() -> None:
    said: list[str] = []
    told = _Warnings(said.append)
    for partition in range(3):
        told.end(Entry("predict", facts=[Warned("all alike"), Warned(f"of {partition}")]))
    assert said == ["all alike", "of 0", "of 1", "of 2"]
    told.end(Entry("predict", facts=[Warned(f"more {number}") for number in range(50)]))
    assert len(said) == MOST_WARNINGS + 1
    assert said[-1] == "the receipt has more warnings"
