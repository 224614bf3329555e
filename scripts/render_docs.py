"""The rendered documents: `python -m scripts.render_docs [--check]`."""

import json
import sys
from pathlib import Path

from scripts.command_page import find_undescribed_commands, render_command_page
from scripts.error_page import render_error_page
from scripts.leaks_page import render_leaks_page
from scripts.project_page import render_project_page
from scripts.project_schema import make_schema
from scripts.schema_words import find_undescribed
from scripts.settings_page import find_undescribed_settings, render_settings_page
from scripts.types_page import render_types_page

ROOT = Path(__file__).parent.parent
NOTE = "<!-- Rendered by `make render` from the source and docs/templates/; edit those. -->\n"


def render(root: Path = ROOT) -> dict[Path, str]:
    """The text of every rendered document, by its file."""
    schema, docs = make_schema(), root / "docs"
    templates = {file.stem: file.read_text() for file in (docs / "templates").glob("*.md")}
    pages = {
        "command-line": render_command_page(templates["command-line"]),
        "errors": render_error_page(root, templates["errors"]),
        "leaks": render_leaks_page(templates["leaks"]),
        "project-file": render_project_page(schema, templates["project-file"]),
        "settings": render_settings_page(templates["settings"]),
        "types": render_types_page(templates["types"]),
    }
    files = {docs / f"{name}.md": NOTE + page for name, page in pages.items()}
    return files | {docs / "project.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n"}


def find_unexplained() -> list[str]:
    """The keys, settings, commands and options that have no description."""
    keys = find_undescribed("ProjectFile", make_schema())
    return [*keys, *find_undescribed_settings(), *find_undescribed_commands()]


def main(arguments: list[str]) -> int:
    """Write the documents; with --check, say which are out of date and what has no description."""
    rendered = render()
    if "--check" not in arguments:
        for file, text in rendered.items():
            file.write_text(text)
        return 0
    stale = [file for file, text in rendered.items() if not file.is_file() or file.read_text() != text]
    faults = [f"{file.relative_to(ROOT)} is not what the source says: run make render" for file in stale]
    faults += [f"{name} has no description" for name in find_unexplained()]
    for fault in faults:
        print(fault, file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
