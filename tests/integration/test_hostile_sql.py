"""SQL in every place where a project file may say something: refused or harmlessly quoted, nothing executed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.cases import each
from tests.conftest import OLDER, empty_database
from tests.databases import Database
from tierra.data.partitions import parse_partition
from tierra.data.snapshot import take_snapshot
from tierra.data.window import EVERYTHING, single_day
from tierra.errors import InvalidCall, TierraError
from tierra.store.objects import MemoryObjects

MARK = "tierra-was-here"
DROP = "drop table canary"
NAMES = [
    f"canary; {DROP}",
    f"canary; {DROP}; --",
    f'canary"; {DROP}; --',
    f"canary'; {DROP}; --",
    f"canary`; {DROP}; --",
    f"canary]; {DROP}; --",
    f"canary); {DROP}; --",
    f'canary"); {DROP}; --',
    f'"canary"; {DROP}',
    f'canary"".""; {DROP}; --',
    f'main.canary"; {DROP}; --',
    f'public.canary"; {DROP}; --',
    f'"; {DROP}; --".canary',
    "canary where 1 = 1 union select * from secrets",
    "(delete from canary returning *)",
    "(select * from secrets) as canary",
    "canary, secrets",
    "canary cross join secrets",
    "canary tablesample system (1)",
    "pg_sleep(30)",
    "canary\0; drop table canary",
    "canary\n;\ndrop table canary",
    "canary\\'; drop table canary; --",
    "canary\u02bc; drop table canary; --",
    "canary\uff07; drop table canary",
    "canary\ud800; drop table canary",
    "%s; drop table canary",
    "%(x)s",
    "{0}",
    ":name",
    "$1",
    "?",
    "$$; drop table canary; $$",
    "c" * 100_000,
    "../../etc/passwd",
    "canary/*",
    "*/ drop table canary /*",
    "\u202ecanary",
    "canary -- ",
    " ",
    "",
]
# No database has the others, or they have a dot, which ends a schema's name.
POSSIBLE = [name for name in NAMES if 0 < len(name) < 60 and not {"\0", "\ud800", "."} & set(name)]
QUERIES = [
    DROP,
    f"select 1; {DROP}",
    f"select 1;;; {DROP}",
    f"select 1) as q; {DROP}; --",
    f"select 1) as q limit 0; commit; {DROP}; --",
    f"select 1) to stdout; {DROP}; --",
    f"select 1) as q) to stdout; commit; {DROP}; --",
    f"select 1\n) as q) to stdout (format csv); rollback; {DROP}; /*",
    f"select 1) as q; commit; begin read write; {DROP}; commit; select * from (select 1",
    f"select 1 -- \n; {DROP}",
    f"select 1 /* */; {DROP} /* */",
    f"select '\\'; {DROP}; --'",
    f"select e'\\'; {DROP}; --'",
    f"select $a$; $a$; {DROP}",
    f"select $a$ $b$; {DROP}; --",
    f"select '; {DROP}; --",
    f"select /* ; {DROP}",
    f"select /* /* */ 1; {DROP} */",
    f"do $$ begin {DROP}; end $$",
    f"explain analyze {DROP}",
    "delete from canary",
    "delete from canary returning *",
    "update canary set id = 0 returning id",
    "insert into canary values (9) returning id",
    "truncate canary",
    "with gone as (delete from canary returning *) select * from gone",
    "with new as (insert into canary values (9) returning *) select * from new",
    "select * from (delete from canary returning *) as gone",
    "select * into stolen from canary",
    "create table stolen as select * from canary",
    "create function f() returns int language sql as 'select 1'",
    "create temp table stolen (id int)",
    "alter table canary rename to gone",
    "grant all on canary to public",
    "vacuum canary",
    "select erase()",
    "select id, erase() from canary",
    "select nextval('counter')",
    "select setval('counter', 99)",
    "select lo_create(4711)",
    "select lo_import('/etc/hostname')",
    "select set_config('transaction_read_only', 'off', false) from canary where erase() = 1",
    "set transaction read write",
    "set session characteristics as transaction read write",
    "commit",
    f"rollback; {DROP}",
    "begin read write",
    f"prepare p as {DROP}; execute p",
    "listen x",
    "notify x",
    "copy canary to '/tmp/{mark}'",
    "copy canary to program 'touch /tmp/{mark}'",
    "copy (select 1) to program 'touch /tmp/{mark}'",
    "copy canary from program 'echo 9'",
    "select * from canary for update",
    "load 'plpgsql'",
    "attach database '{folder}/{mark}' as other",
    "select load_extension('{mark}')",
    "pragma writable_schema = on",
    "pragma query_only = off",
    "vacuum into '{folder}/{mark}'",
    "select writefile('{folder}/{mark}', 'x')",
    "select * from pragma_query_only(0); delete from canary",
    "select '\0'; drop table canary",
    ";",
]
REFUSED = {"query-failed", "query-writes", "table-missing", "column-missing", "column-type"}
STATE = """
    select (select array_agg(canary::text order by id) from canary),
           (select array_agg(relname::text order by oid) from pg_class where oid >= 16384),
           (select last_value::text || is_called from counter),
           (select count(*) from pg_proc where oid >= 16384),
           (select count(*) from pg_largeobject_metadata),
           (select count(*) from pg_stat_activity where datname = current_database()
               and application_name = 'tierra' and state = 'active')
"""


@pytest.fixture(scope="module", params=["sqlite", "postgres", OLDER])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database of each kind with a table that must stand, a sequence and a function that would erase it."""
    with empty_database(request, tmp_path_factory.mktemp("guarded")) as database:
        database.write("canary", pa.table({"id": [1, 2, 3], "day": ["2024-01-01"] * 3}))
        database.write("secrets", pa.table({"word": ["sesame"]}))
        if not database.is_sqlite:
            database.run(
                "create sequence counter",
                "create function erase() returns int language plpgsql as $$ begin delete from canary; return 1; end $$",
            )
        yield database


def state_of(database: Database) -> tuple[Any, ...]:
    """Everything a payload could have changed."""
    if database.is_sqlite:
        rows, files = database.run("select * from canary"), sorted(file.name for file in database.home.rglob("*"))
        return rows, database.run("select type, name, sql from sqlite_master order by name"), files
    return tuple(database.run(STATE))


def assert_harmless(database: Database, *asked: Callable[[], Any]) -> list[str | None]:
    """Do it all: nothing changes, and each ends well or with one line of ours. Returns the codes of the lines."""
    before = state_of(database)
    refused = [_refusal(ask) for ask in asked]
    assert [line for line in refused if line and (len(str(line).splitlines()) > 1 or line.transient)] == []
    assert state_of(database) == before
    assert not Path("/tmp", MARK).exists()
    return [line and line.code for line in refused]


def _refusal(ask: Callable[[], Any]) -> TierraError | None:
    try:
        ask()
    except TierraError as refused:
        return refused
    return None


def source_of(database: Database, **source: Any) -> Callable[[], Any]:
    """Everything that is ever asked of a source."""

    def ask() -> None:
        reader = database.open(**source)
        if source.get("partition_by"):
            reader.days(single_day(parse_partition("2024-01-01")))
        take_snapshot(MemoryObjects(), database.source(**source), reader, EVERYTHING)

    return ask


def test_sql_in_the_place_of_a_name_does_nothing(guarded: Database) -> None:
    def refuse(text: str) -> None:
        possible = [place for place in places_of(text) if _may_stand_in_a_file(guarded, place)]
        codes = assert_harmless(guarded, *(source_of(guarded, **place) for place in possible))
        assert all(codes) or not text, list(zip(codes, possible, strict=True))

    each(NAMES, refuse)


def places_of(text: str) -> list[dict[str, Any]]:
    """Every place of a source where a name may stand."""
    places: list[dict[str, Any]] = [
        {"table": f"{text}.canary"},
        {"table": "canary", "columns": [text]},
        {"table": "canary", "columns": ["id", text]},
        {"table": "canary", "key": text},
        {"table": "canary", "partition_by": text},
        {"query": "select * from canary", "partition_by": text},
    ]
    return [*places, {"table": text}] if text else places


def _may_stand_in_a_file(database: Database, source: dict[str, Any]) -> bool:
    try:
        return bool(database.source(**source))
    except ValueError:
        return False


def test_a_table_that_is_named_so_is_read(guarded: Database) -> None:
    """What is quoted harmlessly still means itself."""

    def read(text: str) -> None:
        guarded.write(text, pa.table({text: ["2024-01-01"], "id": [1]}))
        source = {"table": text, "partition_by": text, "types": {text: "date"}}
        assert assert_harmless(guarded, source_of(guarded, **source)) == [None]

    each(POSSIBLE, read)


def test_sql_in_the_place_of_a_partition_is_no_date() -> None:
    def refuse(text: str) -> None:
        with pytest.raises(InvalidCall, match="partition-invalid"):
            parse_partition(text)

    each([*NAMES, *QUERIES, "2024-01-01'; drop table canary; --", "2024-01-01 or 1=1", "0000-00-00"], refuse)


def test_a_query_that_would_do_more_than_read_does_nothing(guarded: Database) -> None:
    def refuse(query: str) -> None:
        text = query.replace("{mark}", MARK).replace("{folder}", str(guarded.home))
        [code] = assert_harmless(guarded, source_of(guarded, query=text))
        assert code in REFUSED or _only_reads(text)

    each(QUERIES, refuse)


def _only_reads(text: str) -> bool:
    """A text that holds SQL, a comment, and what PostgreSQL 15 takes for reading and we undo."""
    return text.startswith(("select '\\'", "select e'", "select /* /* */", "select lo_"))
