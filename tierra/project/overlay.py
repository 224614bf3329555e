"""The same project in another environment: a small file beside its own, named by the setting TIERRA_OVERLAY.

`project.<overlay>.yaml` is merged into `project.yaml` as a JSON merge patch
(RFC 7396): mappings key by key, null takes a key away, anything else is
replaced. It may change where sources are, where predictions go and when runs
start; everything else stays in the project's own file.
"""

from pathlib import Path
from typing import Any

from tierra.errors import Misconfigured
from tierra.project.yaml_file import Lines, read_yaml

Places = dict[tuple[str | int, ...], tuple[Path, int]]
SOURCE_KEYS = ("kind", "path", "connection", "table", "query")


def read_project_file(file: Path, overlay: str | None) -> tuple[Any, Places]:
    """The file's values with the overlay merged in, and file and line of each key. Raises Misconfigured."""
    data, lines = read_yaml(file)
    overlay_file = file.with_name(f"{file.stem}.{overlay}{file.suffix}") if overlay else None
    if not (overlay_file and overlay_file.is_file()):
        return data, _places(file, lines)
    patch, patched = read_yaml(overlay_file)
    _refuse_other_keys(overlay_file, patch, patched)
    # A key in both files has the overlay's line; the whole file has its own.
    return merge_patch(data, patch), _places(file, lines) | _places(overlay_file, patched) | {(): (file, 1)}


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


def _refuse_other_keys(file: Path, patch: Any, lines: Lines) -> None:
    for path, line in lines.items():
        if isinstance(patch, dict) and _is_allowed(path):
            continue
        key = ".".join(map(str, path)) or "the file"
        raise Misconfigured("overlay-key", f"{file}:{line}: {key} is not about where or when the project runs")


def _is_allowed(path: tuple[str | int, ...]) -> bool:
    match path:
        case () | ("sources" | "score" | "schedule",) | ("sources", _):
            return True
        case ("sources", _, key, *_):
            return key in SOURCE_KEYS
        case ("score", "sink" | "latest", *_) | ("schedule", *_):
            return True
        case _:
            return False


def _places(file: Path, lines: Lines) -> Places:
    return {(): (file, 1), **{path: (file, line) for path, line in lines.items()}}
