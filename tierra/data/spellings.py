"""How a class is written: 1, 1.0, True and yes may be one class, which the release has named."""

import re
from typing import Any

from tierra.data.labels import Labels

YES = {"1", "true", "yes", "y", "t"}
NO = {"0", "false", "no", "n", "f"}
# What people write where there is no value.
NO_VALUE = ("-", "--", "---", "?", ".", "*", "n.d.", "N.D.", "n/d", "N/D", "s/d", "S/D", "n.a.", "N.A.")


def class_name(value: Any) -> str:
    """A value as the name of its class: whole numbers without a decimal point, so that 1 and 1.0 are one class."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def means_yes(name: str) -> bool | None:
    """Whether a class is one of the ways to write yes, or no; None when it is neither."""
    plain = _plain(name).lower()
    return True if plain in YES else False if plain in NO else None


def match_classes(names: list[str], classes: tuple[str, ...]) -> dict[str, str]:
    """The class of each name that is written in a way of one of these classes; other names are left out."""
    return {name: found for name in names if (found := _match(name, classes)) is not None}


def is_positive(labels: Labels, stated: str | int | bool | None) -> bool:
    """Whether what a project file states as `positive` is the class that these labels predict."""
    if stated is None:
        return labels.task != "binary" or choose_positive(sorted(labels.classes)) == labels.classes[-1]
    return _match(class_name(stated), labels.classes) == labels.classes[-1] if labels.classes else False


def choose_positive(names: list[str]) -> str:
    """Of two classes the one that means yes, else the last in order."""
    return next((name for name in names if means_yes(name)), names[-1])


def _match(name: str, classes: tuple[str, ...]) -> str | None:
    if name in classes:
        return name
    alike = [each for each in classes if _plain(each) == _plain(name)]
    if not alike and len(classes) == 2 and {means_yes(each) for each in classes} == {True, False}:
        alike = [each for each in classes if means_yes(each) == means_yes(name)]
    return alike[0] if len(alike) == 1 else None


def _plain(name: str) -> str:
    """Without spaces around it, and a whole number without its decimal zeros."""
    bare = name.strip()
    return bare.partition(".")[0] if re.fullmatch(r"-?\d+\.0*", bare) else bare
