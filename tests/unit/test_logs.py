"""Log lines: in files of each process, all together and one a level, with every secret struck out."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from tierra import logs
from tierra.settings import Settings

PASSWORDS = [f"canary-{number}-S3cr?t/{number}" for number in range(10)]


@pytest.fixture(autouse=True)
def _own_sinks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(logs, "_ready_for", [])
    monkeypatch.setattr(logs, "_on_terminal", [])
    yield
    logger.remove()
    logger.configure(patcher=lambda record: None)
    logger.add(sys.stderr)


def settings(home: Path) -> Settings:
    urls = {f"c{number}": {"url": f"postgresql://me:{word}@host/db{number}"} for number, word in enumerate(PASSWORDS)}
    return Settings(home=home, connections=urls)


def written(home: Path) -> str:
    logger.complete()
    return log_of(home).read_text()


def log_of(home: Path, level: str = "") -> Path:
    return home / "logs" / f"tierra-{os.getpid()}{level}.log"


def test_ten_secrets_are_struck_out_of_the_file(tmp_path: Path) -> None:
    made = settings(tmp_path)
    logs.set_up_logs(made)
    for number, word in enumerate(PASSWORDS):
        logger.info("opening {}", made.connection(f"c{number}").address)
        logger.debug(f"the password is {word}, twice {word}")
    lines = written(tmp_path)
    assert [word for word in PASSWORDS if word in lines] == []
    assert (lines.count("****"), len(lines.splitlines())) == (30, 20)


def test_a_secret_in_an_exception_is_struck_out_too(tmp_path: Path) -> None:
    logs.set_up_logs(settings(tmp_path))
    try:
        raise ConnectionError(f"cannot reach postgresql://me:{PASSWORDS[0]}@host/db0")
    except ConnectionError:
        logger.exception("no answer")
    lines = written(tmp_path)
    assert "no answer" in lines
    assert PASSWORDS[0] not in lines


def test_setting_up_twice_writes_a_line_once(tmp_path: Path) -> None:
    for _ in range(2):
        logs.set_up_logs(settings(tmp_path))
    logger.info("only once")
    assert written(tmp_path).count("only once") == 1


def test_a_person_sees_warnings_in_few_words_and_nothing_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.warn_on_terminal()
    logs.set_up_logs(settings(tmp_path))
    logger.info("a detail")
    logger.warning("look here")
    assert capsys.readouterr().err.strip() == "WARNING look here"


def test_no_file_is_made_before_the_first_line(tmp_path: Path) -> None:
    logs.set_up_logs(settings(tmp_path))
    assert not (tmp_path / "logs").exists() or not list((tmp_path / "logs").iterdir())


def test_files_of_long_gone_processes_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for name, days in (("tierra-1.log", 31), ("tierra-1.error.log", 31), ("tierra-2.log", 29)):
        (folder / name).touch()
        os.utime(folder / name, times=(time.time() - days * 86_400,) * 2)
    logs.set_up_logs(settings(tmp_path))
    assert [file.name for file in folder.iterdir()] == ["tierra-2.log"]


def test_each_level_that_speaks_has_a_file_of_exactly_its_lines(tmp_path: Path) -> None:
    logs.set_up_logs(settings(tmp_path))
    said = {"debug": "a detail", "info": "a step", "warning": "look here", "error": "it broke"}
    for level, text in said.items():
        logger.log(level.upper(), text)
    logger.complete()
    everything = log_of(tmp_path).read_text().splitlines()
    found = {level: log_of(tmp_path, f".{level}").read_text().splitlines() for level in said}
    assert [line for lines in found.values() for line in lines] == everything
    assert [lines[0].endswith(said[level]) for level, lines in found.items()] == [True] * 4
    assert not log_of(tmp_path, ".critical").exists()


def test_secrets_are_struck_out_of_a_level_s_file_too(tmp_path: Path) -> None:
    logs.set_up_logs(settings(tmp_path))
    logger.warning(f"the password is {PASSWORDS[0]}")
    assert log_of(tmp_path, ".warning").read_text().strip().endswith("the password is ****")


def test_every_level_is_a_rotating_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_SIZE", "1 KB")
    logs.set_up_logs(settings(tmp_path))
    for _ in range(30):
        logger.warning("x" * 100)
    logger.complete()
    names = [file.name for file in (tmp_path / "logs").iterdir()]
    warnings = [name for name in names if ".warning." in name]
    assert (len(warnings) > 2, len(names) - len(warnings) > 2) == (True, True)


def test_a_quiet_level_s_file_that_was_forgotten_is_made_again(tmp_path: Path) -> None:
    logs.set_up_logs(settings(tmp_path))
    logger.warning("before")
    log_of(tmp_path, ".warning").unlink()
    logger.warning("after")
    assert log_of(tmp_path, ".warning").read_text().strip().endswith("after")
