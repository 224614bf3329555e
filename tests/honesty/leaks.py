"""Leaks planted as people plant them are named with a remedy and stop a training; clean twins are left alone."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from tests.honesty.promise import Promise
from tests.planted_leaks import CLOCK, PLANTED, rounds
from tests.planted_traps import TRAPS, lines

SEEDS = 10


def promises(short: bool) -> Iterator[Promise]:
    """Each way is planted with one seed, or with ten; so is its clean twin."""
    seeds = range(1 if short else SEEDS)
    with tempfile.TemporaryDirectory() as folder:
        settings = {"TIERRA_HOME": folder, "TIERRA_CLOCK": CLOCK, "TIERRA_RUN_REGISTERED_CODE": "true"}
        with mock.patch.dict(os.environ, settings):
            yield _caught(Path(folder), seeds)
            yield _left_alone(Path(folder), seeds)
            yield _traps(Path(folder))


def _caught(folder: Path, seeds: range) -> Promise:
    """Named by its evidence and remedy in the line that refuses the training."""
    missed = [
        name
        for name, expected, found, error in rounds(folder, seeds, leaks=True)
        if not any(each.id == expected and each.line in error for each in found)
    ]
    planted = len(PLANTED) * len(seeds)
    return Promise("leaks planted: caught and named", planted - len(missed), planted, 1.0, "least", _listed(missed))


def _left_alone(folder: Path, seeds: range) -> Promise:
    wrong = [name for name, _, found, error in rounds(folder, seeds, leaks=False) if found or error]
    return Promise("clean twins: reported", len(wrong), len(PLANTED) * len(seeds), 0.0, "most", _listed(wrong))


def _traps(folder: Path) -> Promise:
    """The traps of the notes that this project grew from, each named in a line."""
    missed = [name for name, line in lines(folder) if not line]
    caught, note = len(TRAPS) - len(missed), ", ".join(missed)
    return Promise("traps planted: caught and named", caught, len(TRAPS), 1.0, "least", note)


def _listed(names: list[str]) -> str:
    return f"{len(PLANTED)} ways" + (f"; {', '.join(dict.fromkeys(names))}" if names else "")
