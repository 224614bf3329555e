"""Two real nodes of Ray on this machine; one of them can be killed with all its processes, as a machine that dies."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from tests.conftest import ROOT
from tierra.environment import set_defaults
from tierra.journal import Entry, Progress, Watcher, watching
from tierra.ray_session import LOOPBACK, QUIET
from tierra.temporary import prefix


@dataclass
class Nodes:
    """A head and one more node; the run's own process is at the head."""

    cluster: Any
    second: Any
    killed: list[int] = field(default_factory=list)

    def kill_second(self) -> None:
        """SIGKILL to the second node and to every process of it."""
        for process in self._of_second():
            with suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
                self.killed.append(process.pid)

    def is_second_working(self) -> bool:
        """Whether the second node has a task in hand."""
        for process in self._of_second():
            with suppress(psutil.Error):  # processes come and go
                if "do_piece" in " ".join(process.cmdline()):
                    return True
        return False

    def _of_second(self) -> list[psutil.Process]:
        node = psutil.Process(self.second.all_processes["raylet"][0].process.pid)
        return [node, *node.children(recursive=True)]

    @contextmanager
    def killing_at(self, is_time: Callable[[Progress], bool]) -> Iterator[None]:
        """Kill the second node once the run says that it is so far."""
        nodes = self

        class Killer(Watcher):
            def advance(self, entry: Entry | None, progress: Progress) -> None:
                if not nodes.killed and is_time(progress):
                    nodes.kill_second()

        with watching(Killer()):
            yield


@contextmanager
def two_nodes(processors: int = 1) -> Iterator[Nodes]:
    """Both with the settings of this process, which works with them as long as the block lasts."""
    set_defaults(QUIET | LOOPBACK)
    import ray
    from ray.cluster_utils import Cluster

    short = TemporaryDirectory(prefix=prefix(), dir="/tmp", ignore_cleanup_errors=True)  # for names of sockets
    with short as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("RAY_TMPDIR", folder)  # where Ray's own test cluster leaves its address, below a folder it expects
        Path(folder, "ray").mkdir()
        stated = {"num_cpus": processors, "include_dashboard": False, "object_store_memory": 100 * 1024 * 1024,
                  "temp_dir": folder}  # fmt: skip
        cluster = Cluster(initialize_head=True, head_node_args=stated)
        try:
            second = cluster.add_node(num_cpus=processors, object_store_memory=stated["object_store_memory"])
            patch.setenv("TIERRA_ENGINE", "ray")
            patch.setenv("TIERRA_RAY_ADDRESS", cluster.address)
            yield Nodes(cluster, second)
        finally:
            ray.shutdown()
            with suppress(Exception):  # of a node that is dead already
                cluster.shutdown()
            os.environ.pop("RAY_ADDRESS", None)
