"""Stand-ins for what tells the time, as project functions import it: they tell a moment a year and some hours later."""

import datetime
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

import pandas as pd

SHIFT: Final = datetime.timedelta(days=400, hours=7, minutes=13, seconds=11)
NOW: Final = ("now", "today")


def moved(value: Any) -> Any:
    """The stand-in of a clock, of a class that has one, or of a module that has them; None of anything else."""
    return next((stand_in for real, stand_in in _STAND_INS if real is value), None)


class _Delegating(type):
    """The type of stand-ins of classes: its instances are the real class's, and so is all it does not say itself."""

    real: type

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.real)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other.real if isinstance(other, _Delegating) else other, cls.real)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.real, name)


class _Datetime(metaclass=_Delegating):
    real = datetime.datetime

    def __new__(cls, *parts: Any, **named: Any) -> Any:
        return cls.real(*parts, **named)

    @staticmethod
    def now(tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return datetime.datetime.now(tz) + SHIFT

    @staticmethod
    def today() -> datetime.datetime:
        return datetime.datetime.now() + SHIFT

    @staticmethod
    def utcnow() -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + SHIFT


class _Date(metaclass=_Delegating):
    real = datetime.date

    def __new__(cls, *parts: Any, **named: Any) -> Any:
        return cls.real(*parts, **named)

    @staticmethod
    def today() -> datetime.date:
        return (datetime.datetime.now() + SHIFT).date()


class _Timestamp(metaclass=_Delegating):
    real = pd.Timestamp

    def __new__(cls, *parts: Any, **named: Any) -> Any:
        made = pd.Timestamp(*parts, **named)
        return made + SHIFT if parts and parts[0] in NOW else made

    @staticmethod
    def now(tz: Any = None) -> pd.Timestamp:
        return pd.Timestamp.now(tz) + SHIFT

    @staticmethod
    def today(tz: Any = None) -> pd.Timestamp:
        return pd.Timestamp.now(tz) + SHIFT

    @staticmethod
    def utcnow() -> pd.Timestamp:
        return pd.Timestamp.now("UTC") + SHIFT


def _to_datetime(value: Any, *parts: Any, **named: Any) -> Any:
    made = pd.to_datetime(value, *parts, **named)
    return made + SHIFT if isinstance(value, str) and value in NOW else made


class _Module:
    """A module, some of whose names are others."""

    def __init__(self, module: ModuleType, **others: Any) -> None:
        self._module = module
        vars(self).update(others)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _later(clock: Callable[[], Any], shift: Any) -> Callable[[], Any]:
    return lambda: clock() + shift


def _struct(clock: Callable[..., time.struct_time]) -> Callable[..., time.struct_time]:
    return lambda seconds=None: clock(time.time() + SHIFT.total_seconds() if seconds is None else seconds)


_time: Final = _later(time.time, SHIFT.total_seconds())
_time_ns: Final = _later(time.time_ns, int(SHIFT.total_seconds()) * 10**9)
_localtime, _gmtime = _struct(time.localtime), _struct(time.gmtime)
_STAND_INS: Final[list[tuple[Any, Any]]] = [
    (datetime.datetime, _Datetime),
    (datetime.date, _Date),
    (pd.Timestamp, _Timestamp),
    (pd.to_datetime, _to_datetime),
    (time.time, _time),
    (time.time_ns, _time_ns),
    (time.localtime, _localtime),
    (time.gmtime, _gmtime),
    (datetime, _Module(datetime, datetime=_Datetime, date=_Date)),
    (time, _Module(time, time=_time, time_ns=_time_ns, localtime=_localtime, gmtime=_gmtime)),
    (pd, _Module(pd, Timestamp=_Timestamp, to_datetime=_to_datetime)),
]
