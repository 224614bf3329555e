"""The finding of a check: one line for people, one object for machines."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

FindingLevel = Literal["ok", "warning", "broken", "skipped"]


class Finding(BaseModel):
    """The level, what was found, and what to do about it."""

    model_config = ConfigDict(frozen=True)

    check: str
    level: FindingLevel
    # The name in `tierra doctor --json`, which stays.
    said: str
    remedy: str = ""


class DoctorCheck:
    """Makes the findings of one check, under its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def ok(self, message: str) -> Finding:
        """It is as it should be."""
        return Finding(check=self.name, level="ok", said=message)

    def warning(self, message: str, remedy: str) -> Finding:
        """It works, but may not for long, or not for more."""
        return Finding(check=self.name, level="warning", said=message, remedy=remedy)

    def broken(self, message: str, remedy: str) -> Finding:
        """It does not work."""
        return Finding(check=self.name, level="broken", said=message, remedy=remedy)

    def skipped(self, message: str, remedy: str = "") -> Finding:
        """It was not checked, and why."""
        return Finding(check=self.name, level="skipped", said=message, remedy=remedy)
