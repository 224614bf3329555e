"""The page that shows a table column by column."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tierra.data.profile import ColumnProfile, Difference, Profile
from tierra.report.drawings import draw_column, draw_correlations, strongest_pairs
from tierra.report.filling import fill
from tierra.report.index import write_whole

MAX_COLUMNS = 200


def write_profile_page(
    profile: Profile, folder: Path, differences: Iterable[Difference | Mapping[str, Any]] = (),
    reference: Profile | None = None,
) -> Path:  # fmt: skip
    """Write the page of one table into a folder of receipts; the same content is written once. Returns its file.

    `reference` is the champion's training profile, outlined behind each distribution.
    """
    found = [each.model_dump() if isinstance(each, Difference) else dict(each) for each in differences]
    content = fill("profile.html", _values(profile, found, reference))
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", profile.name)[:40].strip("-") or "table"
    file = folder / f"profile-{name}-{hashlib.sha256(content.encode(errors='replace')).hexdigest()[:12]}.html"
    folder.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        write_whole(file, content)
    return file


def _values(
    profile: Profile, differences: Sequence[Mapping[str, Any]], reference: Profile | None
) -> dict[str, Any]:  # fmt: skip
    moved: dict[str, list[Mapping[str, Any]]] = {}
    for each in differences:
        moved.setdefault(str(each["column"]), []).append(each)
    columns = sorted(profile.columns, key=lambda each: each.name not in moved)
    return {
        "title": "Profile",
        "profile": profile,
        "reference": reference,
        "differences": sorted(differences, key=lambda each: each.get("severity") != "strong"),
        "columns": [_column(profile, each, moved.get(each.name, ()), reference) for each in columns[:MAX_COLUMNS]],
        "correlations": draw_correlations(profile),
        "pairs": strongest_pairs(profile),
    }


def _column(
    profile: Profile, column: ColumnProfile, moved: Sequence[Mapping[str, Any]], reference: Profile | None
) -> dict[str, Any]:  # fmt: skip
    before = reference.by_name.get(column.name) if reference else None
    return {"of": column, "key": column.name in profile.key, "drawing": draw_column(column, before), "moved": moved}
