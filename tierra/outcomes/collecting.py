"""How a collection ended: what was there, what went, and what was marked to go."""

from pydantic import BaseModel, ConfigDict

from tierra.outcomes.outcome import Ended, Figures


class Kind(BaseModel):
    """One kind of what is stored: how much there was, how much of it went, and how much goes days later."""

    model_config = ConfigDict(frozen=True)

    kind: str
    objects: int
    bytes: int
    going: int
    going_bytes: int
    marked: int = 0
    marked_bytes: int = 0


class Collected(Ended):
    """What a collection removed, or would have."""

    kinds: tuple[Kind, ...]
    freed: int = 0
    dry_run: bool = False
    marked_until: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def to_go(self) -> int:
        """The bytes that were announced."""
        return sum(each.going_bytes for each in self.kinds)

    @property
    def sentence(self) -> str:
        """What went, and what is to go, in one line."""
        went, objects = self.to_go if self.dry_run else self.freed, sum(each.going for each in self.kinds)
        verb = "would be freed" if self.dry_run else "were freed"
        marked = sum(each.marked_bytes for each in self.kinds)
        later = f"; {size(marked)} more {self.marked_until}" if marked else ""
        return f"{size(went)} in {objects:,} object{'s' * (objects != 1)} {verb}{later}"

    @property
    def figures(self) -> Figures:
        """Bytes before, and freed."""
        total = sum(each.bytes for each in self.kinds)
        return (("stored before", size(total)), ("freed", size(self.to_go if self.dry_run else self.freed)))


def size(count: int) -> str:
    """Bytes for people: 1.3 MB."""
    value, units = float(count), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 1000 and unit != "TB":
        value, unit = value / 1000, next(units)
    return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"
