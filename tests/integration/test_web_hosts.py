"""Which hosts are asked for data, and who gets a token."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import pytest

from tests.builders import rides
from tests.cases import each
from tests.web_server import WebServer, opened, settings, snapshot, web_server
from tierra.errors import Misconfigured, Unavailable
from tierra.settings import Settings
from tierra.store import web, web_network
from tierra.store.web import Answer, Web
from tierra.store.web_address import parse_address, why_refused
from tierra.store.web_network import Budget

CSV = rides(240).to_csv(index=False)
PARTS = [rides(240).iloc[:80], rides(240).iloc[80:]]
RESOLVE = web_network.resolve


@pytest.fixture
def server() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


# hosts


def resolving(monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> list[str]:
    """Names have these addresses, one after the other; the addresses that are connected to."""
    connected: list[str] = []

    def connect(self: Any, host: str, *_: Any, **__: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError("nobody is there")

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return connected


HOSTILE = [
    "http://169.254.169.254/latest/meta-data.csv",  # metadata services
    "http://[fd00:ec2::254]/rides.csv",
    "http://168.63.129.16/rides.csv",
    "http://100.100.100.200/rides.csv",
    "http://192.0.0.192/rides.csv",
    "http://127.0.0.1/rides.csv",
    "http://127.9.9.9/rides.csv",
    "http://localhost/rides.csv",
    "http://LOCALHOST./rides.csv",
    "http://data.localhost/rides.csv",
    "http://[::1]/rides.csv",
    "http://[0:0:0:0:0:0:0:1]/rides.csv",
    "http://[::]/rides.csv",
    "http://[::ffff:127.0.0.1]/rides.csv",
    "http://[::ffff:a9fe:a9fe]/rides.csv",
    "http://[::127.0.0.1]/rides.csv",
    "http://[64:ff9b::7f00:1]/rides.csv",
    "http://[64:ff9b::a9fe:a9fe]/rides.csv",
    "http://[2002:7f00:1::]/rides.csv",
    "http://[fe80::1]/rides.csv",
    "http://[fe80::1%25lo]/rides.csv",
    "http://[fec0::1]/rides.csv",
    "http://[fd12::1]/rides.csv",
    "http://[ff02::1]/rides.csv",
    "http://0.0.0.0/rides.csv",
    "http://0/rides.csv",
    "http://2130706433/rides.csv",  # 127.0.0.1 as programs read it
    "http://017700000001/rides.csv",
    "http://0177.0.0.1/rides.csv",
    "http://0x7f000001/rides.csv",
    "http://0x7f.0.0.1/rides.csv",
    "http://127.1/rides.csv",
    "http://10.1.2.3/rides.csv",
    "http://172.16.0.1/rides.csv",
    "http://192.168.1.1/rides.csv",
    "http://100.64.0.1/rides.csv",
    "http://198.18.0.1/rides.csv",
    "http://224.0.0.1/rides.csv",
    "http://255.255.255.255/rides.csv",
    "http://user:word@93.184.216.34/rides.csv",
    "http://data.example.org@127.0.0.1/rides.csv",  # who is the host
    "http://data.example.org:80@127.0.0.1/rides.csv",
    "http://127.0.0.1\\@data.example.org/rides.csv",
    "http://data.example.org\t.evil/rides.csv",
    "http://\u2460\u2461\u2466.0.0.1/rides.csv",  # digits that a resolver takes for 127
    "http://127。0。0。1/rides.csv",
    "http:///rides.csv",
    "http://data.example.org:99999/rides.csv",
    "file:///etc/passwd.csv",
    "ftp://data.example.org/rides.csv",
    "gopher://127.0.0.1/rides.csv",
    "data://text/plain,rides.csv",
]


def test_hostile_addresses_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is connected to; each also where a server redirects or links to it."""
    connected: list[str] = []
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", lambda _, host, *__, **___: connected.append(host))

    def check(url: str) -> None:
        with pytest.raises((Misconfigured, ValueError), match=r"url-|format|address|host|store-address"):
            opened(url, Settings(home=tmp_path))
        with pytest.raises(Misconfigured, match=r"\[url-"), follow(Settings(), url):
            pass

    each(HOSTILE, check)
    assert not connected


def follow(where: Settings, url: str) -> Any:
    return Web(where.http, Budget.of(where.http), None, ("https", "data.example.org", 443)).get(url, {})


def test_metadata_services_and_what_is_nobodys_stay_refused_where_private_hosts_are_allowed() -> None:
    never = ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fe80::1",
             "0.0.0.0", "::", "224.0.0.1", "ff02::1", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254",
             "fe80::1%eth0"]  # fmt: skip
    assert all(why_refused(each, allow_private=True) for each in never)
    allowed = ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.31.0.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1"]
    assert [each for each in allowed if why_refused(each, allow_private=True)] == []
    assert all(why_refused(each, allow_private=False) for each in allowed)
    public = ["93.184.216.34", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
    assert [each for each in public if why_refused(each, allow_private=False)] == []


def test_a_redirect_is_checked_as_the_first_address_is(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stands for a public one: its address alone passes."""
    monkeypatch.setattr(web_network, "resolve", lambda host, *about: (
        ["127.0.0.1"] if host == "data.example.org" else RESOLVE(host, *about)))  # fmt: skip

    hop = f"http://data.example.org:{server.port}/hop.csv"

    def check(target: str) -> None:
        server.put("/hop.csv", status=302, location=target)
        with (
            pytest.raises(Misconfigured, match=r"\[url-"),
            follow(Settings(), hop),
        ):
            pass

    hostile = [url for url in HOSTILE if url != "http:///rides.csv"]  # joined, it is the same host
    each([*hostile, f"//127.0.0.1:{server.port}/rides.csv"], check)
    assert {asked.path for asked in server.asked} == {"/hop.csv"}


def test_a_name_that_turns_to_loopback_is_never_connected_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connected = resolving(monkeypatch, ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(Unavailable, match="nobody is there"):
        opened("http://data.example.org/rides.csv", Settings(home=tmp_path))
    assert connected == ["93.184.216.34"]
    with pytest.raises(Misconfigured, match=r"data.example.org is 127.0.0.1, of this machine.*url-refused"):
        opened("http://data.example.org/rides.csv", Settings(home=tmp_path))
    assert connected == ["93.184.216.34"]


def test_redirects_end_and_never_leave_https(server: WebServer, tmp_path: Path) -> None:
    url = server.put("/round.csv", status=302, location="/round.csv")
    with pytest.raises(Misconfigured, match=r"more than 5 redirects.*download-failed"):
        opened(url, settings(tmp_path))
    secure = Answer(parse_address("https://h.org/a"), 302, {"location": "http://h.org/a"}, iter(()))
    with pytest.raises(Misconfigured, match=r"leads from https to http://h.org/a.*url-refused"):
        web.follow(secure, secure.headers["location"])


# tokens


def test_a_token_goes_to_its_origin_and_no_other(server: WebServer, tmp_path: Path) -> None:
    where = settings(tmp_path, tokens={"partner": "canary-token"})
    with web_server() as other:
        other.put("/rides.csv", CSV)
        url = server.put("/moved.csv", status=302, location=f"{other.url}/rides.csv")
        snapshot(url, where, http={"token": "partner"})
        server.put("/linked.csv", PARTS[0].to_csv(index=False), link=f"<{other.url}/rest.csv>; rel=next")
        other.put("/rest.csv", PARTS[1].to_csv(index=False))
        snapshot(f"{server.url}/linked.csv", where, http={"token": "partner"})
        assert {asked.headers.get("authorization") for asked in server.asked} == {"Bearer canary-token"}
        assert {asked.headers.get("authorization") for asked in other.asked} == {None}


def test_a_token_that_is_not_set_or_not_accepted_is_said(server: WebServer, tmp_path: Path) -> None:
    url = server.put("/rides.csv", status=401)
    with pytest.raises(Misconfigured, match=r"token 'partner' is not set \(set: none\).*token-unknown"):
        opened(url, settings(tmp_path), http={"token": "partner"})
    with pytest.raises(Misconfigured, match=r"answers 401.*download-refused") as refused:
        opened(url, settings(tmp_path, tokens={"partner": "canary-token"}), http={"token": "partner"})
    assert "canary" not in str(refused.value)


def test_a_token_is_not_sent_in_clear_text_to_a_public_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = resolving(monkeypatch, ["93.184.216.34"])
    where = settings(tmp_path, tokens={"partner": "canary-token"})
    with pytest.raises(Misconfigured, match=r"a token would be sent to .* in clear text"):
        opened("http://data.example.org/rides.csv", where, http={"token": "partner"})
    assert asked == []
