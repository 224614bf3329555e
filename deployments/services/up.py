"""Everything on one machine, in one terminal: `make up`."""

import fcntl
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from deployments.services.addresses import (
    Addresses,
    check_ports,
    load_server_settings,
    make_environment,
    plan_addresses,
)
from deployments.services.health import find_fault
from deployments.services.processes import Service, Services
from tasks.server.names import PAGES
from tierra.cli.console import out, pairs, people, printable, show_error
from tierra.errors import Misconfigured, TierraError
from tierra.settings import Settings, load_settings
from tierra.status.server_address import LOCK, address_file, port_of
from tierra.store.disk import NEW_STORE, make_folder

WORKER = "worker"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked `make up` to stop."""


def main() -> int:
    """Start every service, wait for a signal, and stop them all. Returns the exit code."""
    for each in SIGNALS:
        signal.signal(each, _stop)
    try:
        run_services(load_settings())
    except TierraError as error:
        show_error(error)
        return error.exit_code
    except Stopped:
        people.print("stopped")
    return 0


def run_services(settings: Settings) -> None:
    """Start the services one after the other, and start again what ends."""
    with _single_instance(settings):
        server = load_server_settings()
        addresses = plan_addresses(settings, server)
        check_ports(addresses, server)
        _make_folders(settings)
        environment = make_environment(settings, server, addresses)
        with Services(settings.root / "logs", environment, address_file(settings)) as services, _cleanup(settings):
            _start_pages(services, settings, addresses)
            _deploy(services)
            _start_watchdog(services)
            _start_worker(services)
            address_file(settings).write_text(addresses.api + "\n")
            _print_addresses(settings, addresses)
            while True:
                for line in services.revive(parent_of_runs=WORKER):
                    people.print(f"{datetime.now():%H:%M:%S}  {printable(line)}", highlight=False)
                time.sleep(0.5)


def _start_pages(services: Services, settings: Settings, addresses: Addresses) -> None:
    """Start the Prefect server, MLflow and the receipts at the same time, and wait for each."""
    server = services.start("prefect-server", "-m", "deployments.services.prefect_server")
    mlflow = _start_mlflow(services, settings, addresses.mlflow) if addresses.mlflow else None
    receipts = _start_receipts(services, settings, addresses.receipts) if addresses.receipts else None
    with _step("Prefect server"):
        services.wait(server, lambda: _answers(f"{addresses.api}/ready") and _answers(addresses.pages))
    if receipts:
        with _step("receipts"):
            services.wait(receipts, lambda: _answers(f"{addresses.receipts}"))
    if mlflow:
        with _step("MLflow"):
            services.wait(mlflow, lambda: _answers(f"{addresses.mlflow}/health"))


def _start_mlflow(services: Services, settings: Settings, address: str) -> Service:
    # The store goes into the environment: its address may hold a password, and others see command lines.
    store = {
        "MLFLOW_BACKEND_STORE_URI": settings.registry_uri() or f"sqlite:///{settings.root / 'mlflow.db'}",
        "MLFLOW_ARTIFACTS_DESTINATION": str(settings.root / "mlflow-artifacts"),
    }
    command = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port_of(address)), "--workers", "1"]
    return services.start("mlflow", *command, **store)


def _start_receipts(services: Services, settings: Settings, address: str) -> Service:
    folder = str(settings.root / "receipts")
    return services.start("receipts", "-m", "deployments.services.receipts", str(port_of(address)), folder)


def _deploy(services: Services) -> None:
    with _step("deployments"):
        services.finish("deploy", "-c", "from tierra.cli.commands import main; main()", "deploy")


def _start_watchdog(services: Services) -> None:
    # Before the worker, so that it is stopped after it.
    with _step("watchdog"):
        watchdog = services.start("watchdog", "-m", "deployments.watchdog")
        services.wait(watchdog, lambda: any("watching" in line for line in watchdog.tail(20)))


def _start_worker(services: Services) -> None:
    with _step("worker"):
        worker = services.start("worker", "-m", "deployments.worker")
        services.wait(worker, lambda: _has_started(worker))


def _has_started(worker: Service) -> bool:
    return any("started!" in line for line in worker.tail(20))


def _answers(address: str) -> bool:
    return find_fault(address) is None


def _make_folders(settings: Settings) -> None:
    make_folder(settings.root / "receipts", NEW_STORE)
    # Parameters, results and logs of runs are private.
    for name in ("prefect", "results"):
        (settings.root / name).mkdir(exist_ok=True)
        (settings.root / name).chmod(0o700)


@contextmanager
def _single_instance(settings: Settings) -> Iterator[None]:
    """Allow one `make up` a home. The lock ends with this process, however it ends."""
    settings.root.mkdir(parents=True, exist_ok=True)
    with (settings.root / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured("up-running", f"make up is already running in {settings.root}") from None
        yield


@contextmanager
def _cleanup(settings: Settings) -> Iterator[None]:
    try:
        yield
    finally:
        _ignore_signals()
        address_file(settings).unlink(missing_ok=True)
        people.print("stopping ...")


@contextmanager
def _step(name: str) -> Iterator[None]:
    began = time.monotonic()
    with people.status(f"{name} ..."):
        yield
    people.print(f"  [dim]{time.monotonic() - began:7.1f} s[/]  {name}")


def _print_addresses(settings: Settings, addresses: Addresses) -> None:
    shown = {
        "Prefect": addresses.pages,
        # No menu of the pages leads to the artifacts.
        "status": f"{addresses.pages}{PAGES}/artifacts/key/status",
        "MLflow": addresses.mlflow_link,
        "every morning": addresses.receipts_link,
        "numbers": f"{addresses.receipts_link}/metrics" if addresses.receipts else "",
        "logs": settings.root / "logs",
    }
    out.print(pairs(shown))
    people.print("Ctrl-C stops everything.")


def _stop(number: int, frame: object) -> None:
    _ignore_signals()
    raise Stopped


def _ignore_signals() -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C changes nothing: stopping is under way


if __name__ == "__main__":
    sys.exit(main())
