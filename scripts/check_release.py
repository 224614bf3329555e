"""Whether a tag, the version and the changelog speak of the same release: `python -m scripts.check_release v0.1.0`."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADING = re.compile(r"^## \[(\d[^\]]*)\](?: - \d{4}-\d{2}-\d{2})$", re.MULTILINE)


def find_faults(tag: str, root: Path = ROOT) -> list[str]:
    """What does not agree."""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    released = HEADING.findall((root / "CHANGELOG.md").read_text())
    faults = [] if tag == f"v{version}" else [f"the tag is {tag}, the version in pyproject.toml {version}"]
    if released[:1] != [version]:
        faults.append(
            f"the newest release in CHANGELOG.md is {', '.join(released[:1]) or 'none'}, not {version} - DATE"
        )
    return faults


def main(arguments: list[str]) -> int:
    """Check the one tag named."""
    (tag,) = arguments
    faults = find_faults(tag)
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
