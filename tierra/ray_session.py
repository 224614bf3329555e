"""Ray: one that is started and stopped here and listens to this machine alone, or one at an address."""

import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tierra.environment import set_defaults
from tierra.errors import Misconfigured, Unavailable, first_line
from tierra.temporary import prefix

# Ray gives its own processes 30 seconds, which a busy machine does not always keep.
STARTS: Final = 3
# No telemetry; and processes without a GPU keep what the environment says of GPUs.
QUIET: Final = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
# Ray's own word for "this machine alone", on whatever system: all of its processes listen at 127.0.0.1.
LOOPBACK: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# The sockets below Ray's folder have names of at most 107 bytes, on macOS 103; so the folder's own is short.
LONGEST: Final = 16
# What tasks hand each other are references; the tables themselves lie in the store.
MEMORY: Final = 100 * 1024 * 1024


@contextmanager
def ray_session(address: str) -> Iterator[Any]:
    """Ray at the address, or without one a local Ray that ends with the block; one that is connected already is used.

    Raises Misconfigured where Ray is not installed, and Unavailable where it does not start.
    """
    ray = _imported(address)
    if ray.is_initialized():
        yield ray
        return
    usual = tempfile.gettempdir()
    short = usual if len(usual) <= LONGEST else "/tmp"  # noqa: S108  made for us alone
    with tempfile.TemporaryDirectory(prefix=prefix(), dir=short, ignore_cleanup_errors=True) as folder:
        _connect(ray, {"address": address} if address else _local(folder), f"at {address}" if address else "here")
        try:
            yield ray
        finally:
            ray.shutdown()


def _imported(address: str) -> Any:
    # Both are read when Ray is imported.
    set_defaults(QUIET if address else QUIET | LOOPBACK)
    try:
        import ray
    except ImportError:
        raise Misconfigured("ray-missing", "TIERRA_ENGINE or a search asks for Ray, which is not installed") from None
    return ray


def _local(folder: str) -> dict[str, Any]:
    return {"address": "local", "include_dashboard": False, "object_store_memory": MEMORY, "_temp_dir": folder}


def _connect(ray: Any, stated: dict[str, Any], where: str) -> None:
    for attempt in range(1, STARTS + 1):
        try:
            with _own_signals():
                ray.init(**stated, log_to_driver=False, configure_logging=False)
            return
        except Exception as error:  # whatever its processes ended with
            ray.shutdown()
            if attempt == STARTS:
                raise Unavailable("ray-unavailable", f"Ray {where} did not answer: {first_line(error)}") from error
            time.sleep(2 * attempt)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what this process does when it is asked to end: Ray would end it without our last page."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
