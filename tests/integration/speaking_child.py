"""A flow that logs from wherever a project's code may run: `python -m tests.integration.speaking_child SOURCE`."""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from threading import Thread

from loguru import logger
from prefect import flow
from prefect.runtime import flow_run

from tasks.run.log import flush_run_logs, set_up_run_logs
from tasks.run.station import station

LINES = 20


def say(number: int) -> None:
    logger.info("line {}", number)


def say_in_a_process(number: int) -> None:
    set_up_run_logs()
    say(number)


@station
def say_everything() -> None:
    for number in range(LINES):
        say(number)


def from_bare_threads() -> None:
    threads = [Thread(target=say, args=(number,)) for number in range(LINES)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def from_a_thread_pool() -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(say, range(LINES)))


def from_a_pool_that_is_terminated(method: str) -> None:
    with get_context(method).Pool(2) as pool:
        pool.map(say_in_a_process, range(LINES))


def from_an_executor(method: str) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context(method)) as pool:
        list(pool.map(say_in_a_process, range(LINES)))


def from_a_process(method: str) -> None:
    process = get_context(method).Process(target=say_in_a_process, args=(0,))
    process.start()
    process.join()
    for number in range(1, LINES):
        say(number)


def from_joblib() -> None:
    from joblib import Parallel, delayed

    Parallel(n_jobs=2)(delayed(say_in_a_process)(number) for number in range(LINES))


SOURCES: dict[str, Callable[[], None]] = {
    "station": lambda: say_everything(),
    "threads": from_bare_threads,
    "thread-pool": from_a_thread_pool,
    "fork": lambda: from_a_pool_that_is_terminated("fork"),
    "spawn": lambda: from_a_pool_that_is_terminated("spawn"),
    "executor": lambda: from_an_executor("fork"),
    "process": lambda: from_a_process("spawn"),
    "forked process": lambda: from_a_process("fork"),
    "joblib": from_joblib,
}


@flow(name="speak")
def speak(source: str) -> str:
    set_up_run_logs()
    SOURCES[source]()
    return str(flow_run.id)


@flow(name="speak-and-fail")
def speak_and_fail() -> None:
    """What a fast failing run does: a few lines, and the end."""
    set_up_run_logs()
    try:
        from_a_thread_pool()
        raise RuntimeError("nothing works")
    finally:
        flush_run_logs()


if __name__ == "__main__":
    for each in sys.argv[1:]:
        print(each, speak(each), sep="=")
