"""The receipts' pages are served to those who call the server by its name, and nothing else is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from deployments.services.receipts import HEADERS, read_numbers, serve
from tests.builders import ride_spec, write_project
from tests.cases import each

PAGE = "<!doctype html><p>a receipt"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two projects, and what stands beside receipts; outside it, what is nobody's business."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.html").write_text("canary")
    folder = tmp_path / "receipts"
    for name in ("rides", "a <b> & c"):
        (folder / name).mkdir(parents=True)
        (folder / name / "index.html").write_text(PAGE)
    rides = folder / "rides"
    (rides / "20240429T030000-score-abc.html").write_text(PAGE)
    (rides / "20240429T030000-score-abc.json").write_text("{}")
    (rides / ".draft.html").write_text("canary")
    (rides / "link.html").symlink_to(tmp_path / "outside" / "secret.html")
    (folder / "linked").symlink_to(tmp_path / "outside")
    (folder / "bare" / "inner").mkdir(parents=True)
    (folder / "bare" / "inner" / "x.html").write_text(PAGE)
    return folder


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    """The server's port; others call it pages.example.org."""
    with serve(0, folder, link="https://pages.example.org/receipts") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def ask(port: int, path: str, host: str | None = None, method: str = "GET") -> tuple[HTTPResponse, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    return answer, answer.read().decode()


def test_pages_are_served_with_headers_that_let_nothing_else_happen(port: int) -> None:
    for path in (
        "/rides/20240429T030000-score-abc.html",
        "/rides/",
        "/rides/index.html?x=1",
        "/bare/inner/x.html",
    ):
        answer, body = ask(port, path)
        assert (answer.status, body) == (200, PAGE), path
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "python" not in answer.headers["Server"].lower()
    head, body = ask(port, "/rides/", method="HEAD")
    assert (head.status, head.headers["Content-Length"], body) == (200, str(len(PAGE)), "")


def test_a_folder_is_called_by_its_slash_so_that_its_links_lead_into_it(port: int) -> None:
    for path, location in (("/rides", "/rides/"), ("/a%20%3Cb%3E%20&%20c?x", "/a%20%3Cb%3E%20%26%20c/")):
        answer, _ = ask(port, path)
        assert (answer.status, answer.headers["Location"]) == (301, location)
    assert ask(port, "//rides.example.org")[0].status == 404


def test_the_first_page_is_that_of_the_morning_once_there_is_one(port: int, folder: Path) -> None:
    (folder / "index.html").write_text("<!doctype html><p>every project")
    for path in ("/", "/index.html"):
        answer, body = ask(port, path)
        assert (answer.status, body) == (200, "<!doctype html><p>every project")
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_the_first_page_lists_projects_and_nothing_else(port: int) -> None:
    answer, body = ask(port, "/")
    assert answer.status == 200
    assert "a &lt;b&gt; &amp; c" in body
    assert ['href="rides/index.html"' in body, "linked" in body, "bare" in body] == [True, False, False]


def test_what_is_no_page_of_the_folder_is_not_there(port: int) -> None:
    def check(path: str) -> None:
        answer, body = ask(port, path)
        assert answer.status in (400, 404), body
        assert "canary" not in body

    outside = ("/../outside/secret.html", "/%2e%2e/outside/secret.html", "/rides/..%2f..%2foutside/secret.html")
    linked = ("/linked/secret.html", "/linked/", "/rides/link.html", "//outside/secret.html")
    no_page = ("/rides/.draft.html", "/rides/20240429T030000-score-abc.json", "/bare/", "/nowhere")
    each([*outside, *linked, *no_page, "/rides/%00.html", f"/rides/{'x' * 5000}.html"], check)


def test_another_host_s_name_gets_nothing(port: int) -> None:
    def check(host: str, status: int) -> None:
        answer, body = ask(port, "/rides/", host)
        assert answer.status == status
        assert (PAGE in body) == (status == 200)

    ours = ("localhost", "127.0.0.1:1", "[::1]:4300", "LOCALHOST:4300", "pages.example.org", "pages.example.org:443")
    others = (
        "evil.example.org",
        "127.0.0.1.evil.example.org",
        "pages.example.org@evil.example.org",
        "",
        "[",
        "0.0.0.0",
    )
    each([*((host, 200) for host in ours), *((host, 421) for host in others)], check)


@contextmanager
def numbers_of(folder: Path, numbers: Callable[[], bytes]) -> Iterator[int]:
    with serve(0, folder, numbers=numbers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_the_numbers_are_beside_the_pages_under_the_same_rules(
    workspace: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIERRA_CONNECTIONS__WAREHOUSE__URL", "postgresql://me:hushed77@127.0.0.1:1/none")
    sink = {"kind": "sql", "connection": "warehouse"}
    write_project(workspace / "projects" / "rides", ride_spec(score={"sink": sink}))
    write_project(workspace / "projects" / "broken", "project: [")
    with numbers_of(folder, read_numbers()) as port:
        for path in ("/metrics", "/metrics?x=1"):
            answer, body = ask(port, path)
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            assert 'tierra_project_readable{project="rides"} 1.0' in body
            assert 'tierra_project_readable{project="broken"} 0.0' in body
            assert 'tierra_check_level{check="predictions"} 2.0' in body
            assert "hushed77" not in body
        assert ask(port, "/metrics", method="HEAD")[1] == ""
        assert ask(port, "/metrics", "evil.example.org")[0].status == 421
        assert ask(port, "/rides/")[1] == PAGE


def test_numbers_that_cannot_be_read_tell_nobody_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> bytes:
        raise OSError("whispered55\x1b[31m")

    with numbers_of(folder, fail) as port:
        answer, body = ask(port, "/metrics")
        assert (answer.status, "whispered55" in body) == (500, False)
        assert ask(port, "/rides/")[0].status == 200
    assert "OSError: whispered55" in (logged := capsys.readouterr().err)
    assert "\x1b" not in logged


def test_only_reading_is_answered(port: int) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT"):
        answer, _ = ask(port, "/rides/", method=method)
        assert answer.status in (405, 501), method
