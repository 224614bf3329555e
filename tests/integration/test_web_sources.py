"""Web addresses are sources as files are; what they may not be is refused in one line."""

import gc
import gzip
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from deployments.doctor.places import check_sources
from tests.builders import ride_source, ride_spec, rides, write_project
from tests.cases import each
from tests.web_server import Asked, Reply, WebServer, opened, settings, snapshot, source, web_server
from tierra.cli.commands import app
from tierra.data.downloads import _next
from tierra.data.read_once import ReadOnce
from tierra.data.snapshot import take_snapshot
from tierra.data.sources import open_source
from tierra.data.spec import FileSource
from tierra.data.window import EVERYTHING
from tierra.errors import Misconfigured, SourceNotReady
from tierra.settings import Settings, load_settings
from tierra.steps.predict import as_file
from tierra.store.objects import MemoryObjects
from tierra.store.web import Answer
from tierra.store.web_address import parse_address

CSV = rides(240).to_csv(index=False)
PARTS = [rides(240).iloc[at : at + 80] for at in (0, 80, 160)]


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


def local(tmp_path: Path) -> str:
    (tmp_path / "rides.csv").write_text(CSV)
    reader = open_source("rides", source("rides.csv"), tmp_path, Settings())
    return take_snapshot(MemoryObjects(), source("rides.csv"), reader, EVERYTHING).sha256


def as_lines(table: pd.DataFrame) -> str:
    return "".join(json.dumps(row) + "\n" for row in table.to_dict("records"))


def as_parquet(table: pd.DataFrame) -> bytes:
    sink = pa.BufferOutputStream()
    days = table.assign(day=pd.to_datetime(table["day"]).dt.date)
    pq.write_table(pa.Table.from_pandas(days, preserve_index=False), sink)
    return bytes(sink.getvalue())


def test_an_address_is_the_same_source_as_a_file(server: WebServer, tmp_path: Path) -> None:
    expected = local(tmp_path)
    array = json.dumps(rides(240).to_dict("records"), indent=1)
    packed = {"content_encoding": "gzip"}
    forms: list[tuple[str, bytes | str, dict[str, Any], dict[str, str]]] = [
        ("/rides.csv", CSV, {}, {}),
        ("/rides.csv?since=2024", CSV, {}, {}),
        ("/rides.csv.gz", gzip.compress(CSV.encode()), {}, {}),
        ("/packed.csv", gzip.compress(CSV.encode()), {}, packed),
        ("/rides.jsonl", as_lines(rides(240)), {}, {}),
        ("/export", as_lines(rides(240)), {"format": "jsonl"}, {}),
        ("/array", array, {"format": "jsonl"}, {}),
        ("/rides.parquet", as_parquet(rides(240)), {}, {}),
    ]

    def check(path: str, body: bytes | str, about: dict[str, Any], headers: dict[str, str]) -> None:
        assert snapshot(server.put(path, body, **headers), settings(tmp_path), **about) == expected

    each(forms, check)


def test_what_has_not_changed_is_not_downloaded_again(server: WebServer, tmp_path: Path) -> None:
    def statuses(path: str) -> list[int]:
        bodies: list[int] = []
        reply = server.replies[path]
        server.replies[path] = lambda asked: bodies.append(1) or reply  # type: ignore[func-returns-value, return-value]
        snapshot(server.url + path, settings(tmp_path))
        kept = any("if-none-match" in asked.headers or "if-modified-since" in asked.headers for asked in server.asked)
        server.replies[path], server.asked = reply, []
        return [len(bodies), int(kept)]

    old = "Mon, 01 Jan 2024 00:00:00 GMT"
    server.put("/tagged.csv", CSV, etag='"1"')
    server.put("/dated.csv", CSV, last_modified=old)
    server.put("/fresh.csv", CSV, last_modified=old, date="Mon, 01 Jan 2024 00:00:01 GMT")
    server.put("/bare.csv", CSV)
    for path, asks in (("/tagged.csv", 1), ("/dated.csv", 1), ("/fresh.csv", 0), ("/bare.csv", 0)):
        assert statuses(path) == [1, 0]
        assert statuses(path) == [1, asks], path

    first = snapshot(server.url + "/tagged.csv", settings(tmp_path))
    server.put("/tagged.csv", rides(120).to_csv(index=False), etag='"2"')
    assert snapshot(server.url + "/tagged.csv", settings(tmp_path)) != first
    assert len(list((tmp_path / "downloads").glob("*/*.data"))) == 2


def test_what_is_kept_and_damaged_is_downloaded_again(server: WebServer, tmp_path: Path) -> None:
    url = server.put("/rides.csv", CSV, etag='"1"')
    first = snapshot(url, settings(tmp_path))
    (kept,) = (tmp_path / "downloads").glob("*/*.data")
    kept.unlink()
    kept.write_text(CSV.replace("yes", "no"))
    assert snapshot(url, settings(tmp_path)) == first
    assert kept.read_text() == CSV


def test_a_download_goes_with_its_reader(server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    url = server.put("/rides.csv", CSV, etag='"1"')
    reader = opened(url, settings(tmp_path))
    assert list((tmp_path / "tmp").iterdir())
    reader.columns()
    del reader
    gc.collect()
    assert not list((tmp_path / "tmp").iterdir())


def test_a_day_that_is_not_ready_is_downloaded_anew_by_another_try(server: WebServer, tmp_path: Path) -> None:
    url = server.put("/rides.csv", rides(240).head(200).to_csv(index=False), etag='"1"')
    reader = ReadOnce(lambda: opened(url, settings(tmp_path)), source(url), [])
    assert sum(reader.days(EVERYTHING).values()) == 200
    server.put("/rides.csv", CSV, etag='"2"')
    assert sum(reader.days(EVERYTHING).values()) == 200
    reader.forget()
    assert sum(reader.days(EVERYTHING).values()) == 240


def test_a_reader_keeps_to_its_version(server: WebServer, tmp_path: Path) -> None:
    expected = local(tmp_path)
    url = server.put("/rides.csv", CSV, etag='"1"')
    reader = opened(url, settings(tmp_path))
    server.put("/rides.csv", rides(120).to_csv(index=False), etag='"2"')
    assert snapshot(url, settings(tmp_path)) != expected
    assert take_snapshot(MemoryObjects(), source(url), reader, EVERYTHING).sha256 == expected


# pages


def test_pages_by_link_and_by_number_are_one_table(server: WebServer, tmp_path: Path) -> None:
    expected = local(tmp_path)
    for number, part in enumerate(PARTS, 1):
        link = f'</first>; rel="first", </link?at={number + 1}>; title="a, b"; rel="last next"'
        link = link if number < len(PARTS) else ""
        server.put(f"/link?at={number}", part.to_csv(index=False), link=link, etag=f'"{number}"')
        server.put(f"/list?size=9&page={number}", as_lines(part))
        server.put(f"/zero.csv?p={number - 1}", part.to_csv(index=False), etag=f'"{number}"')
    server.put("/list?size=9&page=4", "", status=204)
    server.put("/zero.csv?p=3", PARTS[0].head(0).to_csv(index=False))
    where = settings(tmp_path)
    assert snapshot(f"{server.url}/link?at=1", where, format="csv") == expected
    assert snapshot(f"{server.url}/list?size=9", where, format="jsonl", http={"page_parameter": "page"}) == expected
    assert snapshot(f"{server.url}/zero.csv", where, http={"page_parameter": "p", "first_page": 0}) == expected


def test_pages_that_change_while_they_are_read_are_refused_for_now(server: WebServer, tmp_path: Path) -> None:
    def second(asked: Asked) -> Reply:
        server.put("/list?page=1", as_lines(PARTS[2]))
        return Reply(as_lines(PARTS[1]).encode())

    for change in ({}, {"etag": '"1"'}):
        url = server.put("/list?page=1", as_lines(PARTS[0]), **change).partition("?")[0]
        server.put("/list?page=3", "")
        server.replies["/list?page=2"] = second
        with pytest.raises(SourceNotReady, match=r"page 1 was changed meanwhile.*source-changed"):
            opened(url, settings(tmp_path), format="jsonl", http={"page_parameter": "page"})


def test_pages_without_an_end_are_refused(server: WebServer, tmp_path: Path) -> None:
    url = server.put("/same.csv?page=1", CSV)
    server.put("/same.csv?page=2", CSV)
    with pytest.raises(Misconfigured, match=r"page 2 is page 1 again.*pages-endless"):
        opened(url.partition("?")[0], settings(tmp_path), http={"page_parameter": "page"})
    for number in range(1, 5):
        server.put(f"/chain?{number}", f"a\n{number}\n", link=f"<?{number + 1}>; rel=next")
    with pytest.raises(Misconfigured, match=r"MAX_PAGES.*pages-endless"):
        opened(f"{server.url}/chain?1", settings(tmp_path, max_pages=3), format="csv")


def test_a_link_to_the_next_page_never_leaves_https() -> None:
    page = Answer(parse_address("https://h.org/a"), 200, {"link": "<http://h.org/b>; rel=next"}, iter(()))
    with pytest.raises(Misconfigured, match=r"leads from https to http://h.org/b.*url-refused"):
        _next(page)


def test_a_link_to_the_next_page_is_found() -> None:
    def check(link: str, expected: str | None) -> None:
        assert _next(Answer(parse_address("https://h.org/a/b"), 200, {"link": link}, iter(()))) == expected

    each(
        [
            ("", None),
            ('<https://h.org/2>; rel="prev"', None),
            ("<?p=2>; rel=next", "https://h.org/a/b?p=2"),
            ('</c>; REL="Next"', "https://h.org/c"),
            ('<c,d>; title="x; rel=next"', None),
            ('<x>; rel="first", <c>; a="1"; rel="prefetch next"; b=2', "https://h.org/a/c"),
        ],
        check,
    )


# the project file, check, doctor


def test_what_a_project_file_says_of_an_address_is_checked(tmp_path: Path) -> None:
    def check(about: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            FileSource(kind="file", **about)

    each(
        [
            ({"path": "https://h.org/export"}, "state `format`"),
            ({"path": "https://h.org/export.php?x=.csv"}, "state `format`"),
            ({"path": "https://user:word@h.org/a.csv"}, "names a user"),
            ({"path": "a.csv", "http": {"token": "partner"}}, "needs a `path` that is a web address"),
            ({"path": "https://h.org/a.csv", "http": {"page_parameter": "a&b"}}, "page_parameter"),
        ],
        check,
    )


def test_a_file_to_predict_is_what_its_own_name_says(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text(CSV)
    web = source("https://api.example.org/rides", format="jsonl", http={"token": "partner"}, as_written=["zone"])
    file = as_file(web, tmp_path / "new.csv")
    assert (file.is_web, file.as_written) == (False, ("zone",))
    assert open_source("rides", file, tmp_path, Settings()).columns() == list(rides().columns)


@pytest.fixture
def project(workspace: Path, server: WebServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("TIERRA_HTTP__ALLOW_PRIVATE", "true")
    monkeypatch.setenv("TIERRA_HTTP__TOKENS__PARTNER", "canary-token")
    path = server.put("/rides", as_lines(rides()))
    about = {"path": path, "format": "jsonl", "http": {"token": "partner"}}
    return write_project(workspace / "projects" / "rides", ride_spec(sources=ride_source(**about)))


def test_check_and_doctor_look_at_an_address(project: Path, server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def checked(*more: str) -> tuple[int, str]:
        found = CliRunner().invoke(app, ["check", "rides", *more])
        return found.exit_code, " ".join(found.output.split())

    code, said = checked()
    assert code == 0, said
    assert "canary" not in said
    assert [asked.headers["authorization"] for asked in server.asked] == ["Bearer canary-token"]
    (found,) = check_sources(load_settings())
    assert "rides can be read" in found.said
    server.put("/rides", status=403)
    code, said = checked()
    assert (code, "download-refused" in said, "canary" in said) == (2, True, False), said
    assert checked("--no-data")[0] == 0
    monkeypatch.delenv("TIERRA_HTTP__ALLOW_PRIVATE")
    code, said = checked()
    assert (code, "url-refused" in said) == (2, True), said
