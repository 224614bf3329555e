"""Changes that were read, and that no test can notice, each with the reason."""

from collections.abc import Iterable

Lines = tuple[str, str]  # the line that goes and the line that comes

EQUIVALENT: dict[str, dict[Lines, str]] = {}


def reason_for(module: str, diff: Iterable[str]) -> str | None:
    """Why no test can notice a change; None where one could."""
    lines = [line for line in diff if not line.startswith(("---", "+++"))]
    gone = " ".join(line[1:].strip() for line in lines if line.startswith("-"))
    come = " ".join(line[1:].strip() for line in lines if line.startswith("+"))
    return EQUIVALENT.get(module, {}).get((gone, come))
