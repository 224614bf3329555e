"""How often test rows were used to judge: an object put if absent for each use, under the next number of its project.

A use has a key, by which the same work trying again is not counted twice, and a sketch of the rows: the smallest of
their hashes (bottom-k; Cohen and Kaplan, Summarizing data using bottom-k sketches, 2007). Two sketches show which share
of the rows of one test part is in the other. Uses are small, and are never removed.
"""

import re
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tierra.errors import Broken
from tierra.store.objects import Objects

FOLDER: Final = "uses"
SKETCHED = 128
# A test part is the same one while more than this share of it was in the earlier one.
SAME = 0.5
LOOKED_AT = 200
_NAME: Final = re.compile(r"(\d{6})\.json")


class Sketch(BaseModel):
    """Which units of the split, such as rows or days, a test part holds: how many, and the least of their hashes."""

    model_config = ConfigDict(frozen=True)

    units: int = 0
    least: tuple[int, ...] = ()

    def share_in(self, other: "Sketch") -> float:
        """About which share of these units is among the others."""
        ends = [max(each.least) for each in (self, other) if each.units > len(each.least)]
        own, known = ({hashed for hashed in each.least if hashed <= min(ends, default=2**64)} for each in (self, other))
        return len(own & known) / len(own) if own else 0.0


class Use(BaseModel):
    """One use of a test part: whose, of which rows, and how often these had been used by then."""

    model_config = ConfigDict(frozen=True)

    key: str
    sketch: Sketch
    times: int = Field(description="This use included")


def sketch_units(units: np.ndarray) -> Sketch:
    """The sketch of the units of a test part's rows, given as 64-bit numbers."""
    import pandas as pd  # a command that counts nothing does not load it

    hashed = np.sort(pd.util.hash_array(np.unique(units)))
    return Sketch(units=len(hashed), least=tuple(int(each) for each in hashed[:SKETCHED]))


def count_use(objects: Objects, project: str, key: str, sketch: Sketch) -> int:
    """Count a use of these rows, once for the same key; how often they were used, this time included."""
    while True:
        numbers = _numbers(objects, project)
        uses = _read(objects, project, numbers)
        times = _times(uses, key, sketch)
        use = Use(key=key, sketch=sketch, times=times).model_dump_json().encode()
        is_counted = any(each.key == key for each in uses)
        # Where another run was faster, it is counted before this one.
        if is_counted or objects.put_if_absent(_name(project, max(numbers, default=0) + 1), use):
            return times


def next_use(objects: Objects, project: str, key: str, sketch: Sketch) -> int:
    """What `count_use` would return; nothing is counted."""
    return _times(_read(objects, project, _numbers(objects, project)), key, sketch)


def _times(uses: list[Use], key: str, sketch: Sketch) -> int:
    known = next((each.times for each in uses if each.key == key), None)
    return known or 1 + sum(sketch.share_in(each.sketch) > SAME for each in uses)


def _numbers(objects: Objects, project: str) -> list[int]:
    folder = f"{FOLDER}/{project}"
    found = (_NAME.fullmatch(name.removeprefix(f"{folder}/")) for name in objects.names(folder))
    return [int(each[1]) for each in found if each]


def _read(objects: Objects, project: str, numbers: list[int]) -> list[Use]:
    """The last of these uses. Raises Broken where one is not what was written."""
    found = []
    for number in numbers[-LOOKED_AT:]:
        name = _name(project, number)
        try:
            found.append(Use.model_validate_json(objects.read(name)))
        except ValueError:
            raise Broken("store-tampered", f"{objects.location(name)} is no use of a test part") from None
    return found


def _name(project: str, number: int) -> str:
    return f"{FOLDER}/{project}/{number:06d}.json"
