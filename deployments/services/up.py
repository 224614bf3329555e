"""Everything on one machine, in one terminal: `make up`."""

import fcntl
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.plan import POOL
from deployments.services.addresses import (
    Addresses,
    check_ports,
    load_server,
    make_environment,
    plan_addresses,
    port_of,
)
from deployments.services.health import find_fault
from deployments.services.processes import Service, Services
from tierra.cli.console import out, pairs, people, show_error
from tierra.errors import Misconfigured, TierraError
from tierra.settings import Settings, load_settings
from tierra.status.server_address import address_file

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked us to stop."""


def main() -> int:
    """Start everything, wait until it is asked to stop, and leave no process behind."""
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
    """Start the services one after the other, and watch them."""
    with _alone(settings):
        server = load_server()
        addresses = plan_addresses(settings, server)
        check_ports(addresses, server)
        _make_folders(settings)
        environment = make_environment(settings, server, addresses)
        with Services(settings.root / "logs", environment, address_file(settings)) as services, _ending(settings):
            _start_pages(services, settings, addresses)
            _deploy(services)
            _start_worker(services)
            address_file(settings).write_text(addresses.api + "\n")
            _show(settings, addresses)
            while True:
                services.check()
                time.sleep(0.5)


def _start_pages(services: Services, settings: Settings, addresses: Addresses) -> None:
    """The Prefect server, MLflow and the receipts come up side by side."""
    server = services.start("prefect-server", "-m", "deployments.services.prefect_server")
    mlflow = _start_mlflow(services, settings, addresses.mlflow) if addresses.mlflow else None
    receipts = _start_receipts(services, settings, addresses.receipts) if addresses.receipts else None
    with _step("Prefect server"):
        services.wait(server, lambda: _answer(f"{addresses.api}/ready") and _answer(addresses.pages))
    if receipts:
        with _step("receipts"):
            services.wait(receipts, lambda: _answer(f"{addresses.receipts}"))
    if mlflow:
        with _step("MLflow"):
            services.wait(mlflow, lambda: _answer(f"{addresses.mlflow}/health"))


def _start_mlflow(services: Services, settings: Settings, address: str) -> Service:
    # The store is given in the environment: its address may hold a password, and others see command lines.
    store = {
        "MLFLOW_BACKEND_STORE_URI": settings.registry_uri() or f"sqlite:///{settings.root / 'mlflow.db'}",
        "MLFLOW_ARTIFACTS_DESTINATION": str(settings.root / "mlflow-artifacts"),
    }
    command = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port_of(address)), "--workers", "1"]
    return services.start("mlflow", *command, **store)


def _start_receipts(services: Services, settings: Settings, address: str) -> Service:
    folder = str(settings.root / "receipts")
    command = ["-m", "http.server", str(port_of(address)), "--bind", "127.0.0.1", "--directory", folder]
    return services.start("receipts", *command)


def _deploy(services: Services) -> None:
    with _step("deployments"):
        services.finish("deploy", "-c", "from tierra.cli.commands import main; main()", "deploy")


def _start_worker(services: Services) -> None:
    with _step("worker"):
        # One name a machine: else each start would leave one more worker on the pool's page.
        name = socket.gethostname()
        worker = services.start("worker", "-m", "prefect", "worker", "start", "--pool", POOL, "--name", name)
        services.wait(worker, lambda: _has_started(worker))


def _has_started(worker: Service) -> bool:
    return any("started!" in line for line in worker.tail(20))


def _answer(address: str) -> bool:
    return find_fault(address) is None


def _make_folders(settings: Settings) -> None:
    (settings.root / "receipts").mkdir(exist_ok=True)
    # Parameters, results and logs of runs are for the one who runs them.
    for name in ("prefect", "results"):
        (settings.root / name).mkdir(exist_ok=True)
        (settings.root / name).chmod(0o700)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One at a time in a home. The lock goes with us, however we end."""
    settings.root.mkdir(parents=True, exist_ok=True)
    with (settings.root / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured("up-running", f"make up runs already in {settings.root}") from None
        yield


@contextmanager
def _ending(settings: Settings) -> Iterator[None]:
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


def _show(settings: Settings, addresses: Addresses) -> None:
    places = {
        "Prefect": addresses.pages,
        # No menu of the pages leads to the artifacts.
        "status": f"{addresses.pages}/v2/artifacts/key/status",
        "MLflow": addresses.mlflow_link,
        "receipts": addresses.receipts_link,
        "logs": settings.root / "logs",
    }
    out.print(pairs(places))
    people.print("Ctrl-C stops everything.")


def _stop(number: int, frame: object) -> None:
    _ignore_signals()
    raise Stopped


def _ignore_signals() -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # the second Ctrl-C of the impatient: we are at it


if __name__ == "__main__":
    sys.exit(main())
