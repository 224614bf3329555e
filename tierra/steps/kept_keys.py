"""A published day that is to be replaced keeps some of its keys: rows of which no key is left are other rows."""

import pyarrow as pa
import pyarrow.compute as pc

from tierra.data.partitions import Work
from tierra.data.row_changes import key_texts, shown_key
from tierra.errors import DataRejected
from tierra.project.project import Project
from tierra.store.refs import TableRef
from tierra.store.tables import read_batches
from tierra.workspace import Workspace

SAMPLE = 1_000


def require_kept_keys(workspace: Workspace, project: Project, work: Work, rows: TableRef) -> None:
    """Raise DataRejected when a day's rows hold none of the keys it was published with, as where zeros were lost.

    A thousand of the published keys are looked for. Rows without a declared key, of no day or to be published
    anew by hand are not compared.
    """
    key = list(project.main_source.key)
    if not (key and work.day and work.published and work.published.parts and not work.rescore):
        return
    before = key_texts(workspace.sink(project).read_part(work.published.parts[0]).slice(0, SAMPLE), key)
    batches = (key_texts(batch, key) for batch in read_batches(workspace.objects, rows, key))
    if len(before) and not any(pc.any(pc.is_in(each, before)).as_py() for each in batches):
        now = key_texts(next(read_batches(workspace.objects, rows, key)), key)
        raise DataRejected(
            "keys-changed",
            f"{project.name}: {work.partition} was published with keys such as '{_shown(before)}',"
            f" and holds none of them now: '{_shown(now)}'",
        )


def _shown(keys: pa.Array) -> str:
    return shown_key(str(keys[0])) if len(keys) else ""
