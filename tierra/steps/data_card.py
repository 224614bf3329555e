"""The data card: which tables a model learnt from, their rows, columns, gaps and rules, and what is withheld from it.

After Gebru et al., Datasheets for Datasets (2018), filled from the project file and the profile of the main table.
"""

from collections.abc import Iterator

from tierra.data.features import feature_names
from tierra.data.profile import ColumnProfile, Profile
from tierra.data.spec import FileSource, Join, Source, SqlSource
from tierra.model.documents import Document, Part
from tierra.model.release import Release
from tierra.project.project import Project

COLUMNS = 80
GAPS = 0.05
FEATURES = 60
FAR_OUT = 0.01


def make_data_card(project: Project, release: Release, profile: Profile | None) -> Document:
    """The card of the data a release was trained on; `profile` is that of its main table."""
    parts = (
        Part(title="Where it comes from", pairs={"Data": project.card.data, "Owner": project.card.owner}),
        _sources(project, release),
        Part(title="Joins", lines=tuple(_join(each) for each in project.joins)),
        _target(project, release),
        Part(title="Gaps and oddities", lines=tuple(_gaps(profile)) if profile else ()),
        _columns(profile),
        _rules(project),
        Part(title="Withheld from features", lines=project.withheld or ("nothing but the target",)),
    )
    rows = f"{profile.rows:,} rows of {project.main}" if profile else project.main
    sentence = (
        f"What {release.candidate} was trained and judged on: {rows}, {len(feature_names(release.features))} features."
    )
    return Document(kind="data", project=project.name, sentence=sentence, figures=_figures(profile), parts=parts)


def _figures(profile: Profile | None) -> tuple[tuple[str, str], ...]:
    if profile is None:
        return ()
    cells = sum(each.rows for each in profile.columns) or 1
    missing = sum(each.missing for each in profile.columns) / cells
    return (
        (f"{profile.rows:,}", "rows"),
        (f"{len(profile.columns):,}", "columns"),
        (f"{missing:.1%}", "of all values missing"),
    )


def _sources(project: Project, release: Release) -> Part:
    rows = tuple(
        (name, _kind(source), ", ".join(source.key) or "none", source.partition_by or "none",
         release.datasets.get(name, "")[:12])
        for name, source in project.sources.items()
    )  # fmt: skip
    return Part(title="Tables", heads=("Table", "Kind", "Key", "Partitioned by", "sha256"), rows=rows, numbers=9)


def _kind(source: Source) -> str:
    match source:
        case SqlSource():
            return f"database {source.connection}" + (f", table {source.table}" if source.table else ", a query")
        case FileSource():
            return "a web address" if source.is_web else "files"


def _join(join: Join) -> str:
    on = f" on {', '.join(join.on)}" if join.on else ""
    newest = f", the newest at or before the row's own moment ({join.as_of.right})" if join.as_of else ""
    return f"{join.left} with {join.right}{on}{newest}; at most {join.max_orphans:.0%} of the rows without a match"


def _target(project: Project, release: Release) -> Part:
    labels, split = release.labels, project.split
    classes = {"Classes": ", ".join(labels.classes)} if labels.task != "regression" else {}
    to_predict = {"To predict": labels.classes[1]} if labels.task == "binary" else {}
    parts = ", ".join(f"{rows:,} {name}" for name, rows in release.rows.items())
    how = f"by {split.by}" + (f" along {split.column}" if split.column else "")
    features = feature_names(release.features)
    named = ", ".join(features[:FEATURES]) + (" and more" if len(features) > FEATURES else "")
    pairs = {"Target": project.target_column, "Task": labels.task, **classes, **to_predict, "Rows": f"{parts}, {how}",
             "Features": named}  # fmt: skip
    return Part(title="Target and parts", pairs=pairs)


def _gaps(profile: Profile) -> Iterator[str]:
    if profile.duplicates:
        about = "" if profile.duplicates_exact else "about "
        yield f"{about}{profile.duplicates:,} rows repeat another in all but the key"
    for each in sorted(profile.columns, key=lambda each: -each.missing_share):
        if each.missing_share >= GAPS:
            yield f"{each.name}: missing in {each.missing_share:.1%} of the rows"
    for each in profile.columns:
        if each.outliers >= FAR_OUT:
            yield f"{each.name}: {each.outliers:.1%} of the numbers are far out"
        if each.distinct == 1:
            yield f"{each.name}: one value only"
    if not profile.columns:
        yield "not known"


def _columns(profile: Profile | None) -> Part:
    if profile is None:
        return Part(title="Columns", lines=("the profile of the training table is gone",))
    rows = tuple(_column(each) for each in profile.columns[:COLUMNS])
    more = f" The first {COLUMNS} of {len(profile.columns):,} are shown." if len(profile.columns) > COLUMNS else ""
    return Part(
        title="Columns",
        note=f"Of {profile.name}, over all rows.{more}",
        heads=("Column", "Type", "Missing", "Different", "From", "To"),
        rows=rows,
        numbers=2,
    )


def _column(each: ColumnProfile) -> tuple[str, ...]:
    # The ends of a text could be anybody's name or number: they stay on the receipts.
    ends = (each.minimum, each.maximum) if each.kind in ("number", "date") else (None, None)
    shown = ("" if end is None else f"{end:.6g}" if isinstance(end, float) else _moment(str(end)) for end in ends)
    about = "" if each.distinct_exact else "about "
    return (each.name, each.type, f"{each.missing_share:.1%}", f"{about}{each.distinct:,}", *shown)


def _moment(text: str) -> str:
    """A moment without the zeros that say nothing."""
    return text.removesuffix(".000000").removesuffix("T00:00:00").replace("T", " ")


def _rules(project: Project) -> Part:
    contract = project.contract
    lines = [f"at most {contract.quarantine_budget:.1%} of a table's rows are set aside, else the run stops"]
    for each in contract.expectations:
        where = ".".join(part for part in (each.table or "", each.column or "") if part)
        rule = each.type.removeprefix("expect_").replace("_", " ")
        stated = ", ".join(f"{name} {value}" for name, value in (each.model_extra or {}).items())
        lines.append(
            f"{where + ': ' if where else ''}{rule}{f' ({stated})' if stated else ''}; otherwise {each.on_fail}"
        )
    return Part(title="Rules it must satisfy", lines=tuple(lines))
