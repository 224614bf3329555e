"""What a server answers that is no data, or no end, is one line."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import rides
from tests.cases import each
from tests.web_server import Reply, WebServer, opened, settings, snapshot, web_server
from tierra.errors import DataRejected, Misconfigured, TierraError, Unavailable

CSV = rides(240).to_csv(index=False)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


# answers without data


def test_what_a_server_answers_is_one_line(server: WebServer, tmp_path: Path) -> None:
    answers: list[tuple[dict[str, Any], type[TierraError], str]] = [
        ({"status": 401}, Misconfigured, "download-refused"),
        ({"status": 403}, Misconfigured, "download-refused"),
        ({"status": 404}, Misconfigured, "file-missing"),
        ({"status": 410}, Misconfigured, "file-missing"),
        ({"status": 400}, Misconfigured, "download-failed"),
        ({"status": 206}, Misconfigured, "download-failed"),
        ({"status": 408}, Unavailable, "download-unavailable"),
        ({"status": 429}, Unavailable, "download-unavailable"),
        ({"status": 500}, Unavailable, "download-unavailable"),
        ({"status": 503, "retry_after": "86400"}, Unavailable, "download-unavailable"),
        ({"body": "<html>", "content_type": "text/html; charset=utf-8"}, Misconfigured, "is a web page, not data"),
        ({"body": b"x", "content_encoding": "br"}, Misconfigured, "download-failed"),
        ({"body": b"no gzip", "content_encoding": "gzip"}, Unavailable, "download-unavailable"),
        ({"body": gzip.compress(CSV.encode())[:-9], "content_encoding": "gzip"}, Unavailable, "broke off"),
        ({"body": b"\xff\xfe\n\xff,1"}, Misconfigured, "file-invalid"),
        ({"status": 204}, DataRejected, "source-empty"),
    ]

    def check(answer: dict[str, Any], kind: type[TierraError], said: str) -> None:
        url = server.put("/rides.csv", **answer)
        with pytest.raises(TierraError, match=said) as caught:
            snapshot(url, settings(tmp_path))
        assert isinstance(caught.value, kind)
        assert "\n" not in str(caught.value)

    each(answers, check)


def test_a_server_that_says_when_to_come_back_is_asked_again(server: WebServer, tmp_path: Path) -> None:
    answers = [Reply(status=429, headers={"retry-after": "0"}), Reply(CSV.encode())]
    server.replies["/rides.csv"] = lambda _: answers.pop(0)
    assert opened(f"{server.url}/rides.csv", settings(tmp_path)).columns() == list(rides().columns)
    assert not answers


def test_an_answer_that_breaks_off_is_unavailable(server: WebServer, tmp_path: Path) -> None:
    server.replies["/rides.csv"] = Reply(CSV[:900].encode(), headers={"etag": '"1"'}, size=len(CSV))
    with pytest.raises(Unavailable, match="download-unavailable"):
        opened(f"{server.url}/rides.csv", settings(tmp_path))
    assert not list((tmp_path / "downloads").glob("*/*"))
    with pytest.raises(Unavailable, match="download-unavailable"):
        opened("http://127.0.0.1:9/rides.csv", settings(tmp_path))


def test_an_answer_ends_where_the_limits_are(server: WebServer, tmp_path: Path) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x"
            time.sleep(0.05)

    bomb = gzip.compress(b"a,b\n" + b"0,0\n" * 500_000)
    assert len(bomb) < 10_000
    server.put("/bomb.csv", bomb, content_encoding="gzip")
    server.put("/large.csv", "a,b\n" + "0,0\n" * 500_000)
    for path in ("/bomb.csv", "/large.csv"):
        with pytest.raises(Misconfigured, match=r"MAX_MEGABYTES allows.*download-large"):
            opened(server.url + path, settings(tmp_path, max_megabytes=1))
    server.replies["/slow.csv"] = Reply(size=1_000, pieces=slowly)
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"took longer than 1 s.*download-slow"):
        opened(f"{server.url}/slow.csv", settings(tmp_path, max_seconds=1))
    assert time.monotonic() - began < 3
