"""The promises by subject.

A module has `promises(short)`, which plays its rounds and yields a Promise for each kind.
"""

from collections.abc import Callable, Iterator

from tests.honesty import decisions, evaluation, gate, leaks
from tests.honesty.promise import Promise

SUITE: dict[str, Callable[[bool], Iterator[Promise]]] = {
    "decisions": decisions.promises,
    "evaluation": evaluation.promises,
    "gate": gate.promises,
    "leaks": leaks.promises,
}
