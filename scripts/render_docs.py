"""The rendered documents: `python -m scripts.render_docs [--check]`."""

import json
import sys
from pathlib import Path

from scripts.error_page import render_errors
from scripts.project_page import find_undescribed, render_page
from scripts.project_schema import make_schema

ROOT = Path(__file__).parent.parent
# Every key of the project file must have a description; False while they are being written.
STRICT = True
NOTE = "<!-- Rendered by `make render` from the source and docs/templates/; edit those. -->\n"


def render(root: Path = ROOT) -> dict[Path, str]:
    """The text of every rendered document, by its file."""
    schema, docs = make_schema(), root / "docs"
    template = (docs / "templates" / "project-file.md").read_text()
    return {
        docs / "project.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n",
        docs / "project-file.md": NOTE + render_page(schema, template),
        docs / "errors.md": NOTE + render_errors(root),
    }


def main(arguments: list[str]) -> int:
    """Write the documents, or, with --check, say which are out of date and which keys nothing explains."""
    rendered = render()
    if "--check" not in arguments:
        for file, text in rendered.items():
            file.write_text(text)
        return 0
    stale = [file for file, text in rendered.items() if not file.is_file() or file.read_text() != text]
    faults = [f"{file.relative_to(ROOT)} is not what the source says: run make render" for file in stale]
    faults += [f"{key} has no description" for key in find_undescribed(make_schema()) if STRICT]
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
