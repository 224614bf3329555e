"""What a run needs more than once is made once."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, TypeVar

T = TypeVar("T")


class Once:
    """Values by what they are made of, such as a digest: each is made when it is first needed, by one thread."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Any] = {}
        self._lock = RLock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key. One that could not be made is tried again the next time."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            made: T = self._made[key]
        return made

    @contextmanager
    def lent(self, key: Hashable, value: Any) -> Iterator[None]:
        """The value of a key for as long as the block lasts: it is forgotten with it."""
        with self._lock:
            self._made[key] = value
        try:
            yield
        finally:
            with self._lock:
                self._made.pop(key, None)
