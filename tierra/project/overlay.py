"""The same project somewhere else: a small file beside its own, named by the setting TIERRA_OVERLAY.

`project.<overlay>.yaml` is merged into `project.yaml` as a JSON merge patch
(RFC 7396): mappings key by key, null takes a key away, anything else is
replaced. It may say where sources lie, where predictions go and when runs are
due; what is learnt and scored stays in the project's own file.
"""

from pathlib import Path
from typing import Any

from tierra.errors import Misconfigured
from tierra.project.yaml_file import Lines, read_yaml

Places = dict[tuple[str | int, ...], tuple[Path, int]]
PLACE = ("kind", "path", "connection", "table", "query")


def read_project_file(file: Path, overlay: str | None) -> tuple[Any, Places]:
    """The file's values with the overlay's in their place, and where each key stands. Raises Misconfigured."""
    data, lines = read_yaml(file)
    above = file.with_name(f"{file.stem}.{overlay}{file.suffix}") if overlay else None
    if not (above and above.is_file()):
        return data, _places(file, lines)
    patch, patched = read_yaml(above)
    _refuse_more_than_places(above, patch, patched)
    # Of what both say the overlay's line is meant, but for the whole file.
    return merge_patch(data, patch), _places(file, lines) | _places(above, patched) | {(): (file, 1)}


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: `patch` applied to `target`, neither changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _refuse_more_than_places(file: Path, patch: Any, lines: Lines) -> None:
    for path, line in lines.items():
        if isinstance(patch, dict) and _is_allowed(path):
            continue
        said = ".".join(map(str, path)) or "the file"
        raise Misconfigured("overlay-key", f"{file}:{line}: {said} is not about where or when the project runs")


def _is_allowed(path: tuple[str | int, ...]) -> bool:
    match path:
        case () | ("sources" | "score" | "schedule",) | ("sources", _):
            return True
        case ("sources", _, key, *_):
            return key in PLACE
        case ("score", "sink", *_) | ("schedule", *_):
            return True
        case _:
            return False


def _places(file: Path, lines: Lines) -> Places:
    return {(): (file, 1), **{path: (file, line) for path, line in lines.items()}}
