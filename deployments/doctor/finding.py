"""What a check found: a line for people, an object for machines."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Level = Literal["ok", "warning", "broken", "skipped"]


class Finding(BaseModel):
    """One line: how it stands, what was seen, and what to do about it."""

    model_config = ConfigDict(frozen=True)

    check: str
    level: Level
    said: str
    remedy: str = ""


class Check:
    """The findings of one check, under its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ok(self, said: str) -> Finding:
        """It is as it should be."""
        return Finding(check=self.name, level="ok", said=said)

    def warning(self, said: str, remedy: str) -> Finding:
        """It works, but may not for long, or not for more."""
        return Finding(check=self.name, level="warning", said=said, remedy=remedy)

    def broken(self, said: str, remedy: str) -> Finding:
        """It does not work."""
        return Finding(check=self.name, level="broken", said=said, remedy=remedy)

    def skipped(self, said: str, remedy: str = "") -> Finding:
        """It was not looked at, and why."""
        return Finding(check=self.name, level="skipped", said=said, remedy=remedy)


def first_line(text: object) -> str:
    """The first line of what something said, not longer than a line may be."""
    lines = str(text).strip().splitlines()
    return lines[0][:300] if lines else ""
