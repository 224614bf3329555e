"""Moments, lengths of time and first lines, written for people."""

from datetime import datetime

STEPS = ((172_800, 86_400, "d"), (5_400, 3_600, "h"), (90, 60, "min"))


def length(seconds: float) -> str:
    """A length of time in the largest unit that fits: 12 s, 3 min, 5 h, 2 d."""
    for least, unit, name in STEPS:
        if seconds >= least:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago a moment was; empty without one."""
    return f"{length(max((now - moment).total_seconds(), 0))} ago" if moment else ""


def ahead(moment: datetime | None, now: datetime) -> str:
    """How far ahead a moment is; empty without one."""
    if moment is None:
        return ""
    seconds = (moment - now).total_seconds()
    return f"in {length(seconds)}" if seconds > 0 else "now"


def first_line(text: object, longest: int = 300) -> str:
    """The first line of a text, cut to a length."""
    line = next(iter(str(text).strip().splitlines()), "")
    return line if len(line) <= longest else line[: longest - 1] + "…"
