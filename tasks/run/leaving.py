"""What leaves a station or a run for Prefect, the command line and the receipt: outcomes and errors, cleaned."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from loguru import logger

from tierra.errors import Failed, TierraError
from tierra.outcomes.outcome import Ended, Outcome
from tierra.redaction import LONGEST, clean, clean_line


@contextmanager
def leaving() -> Iterator[None]:
    """Clean an error that leaves the block: Prefect shows its text in states, and Python in tracebacks."""
    try:
        yield
    except BaseException as error:
        cleaned = clean_error(error)
        if cleaned is error:
            raise
        # Without its cause, whose text Python would print before it.
        raise cleaned.with_traceback(error.__traceback__) from None


def clean_error(error: BaseException) -> BaseException:
    """An error with a text that may leave: itself, where its text is one."""
    if isinstance(error, TierraError):
        what = clean_line(error.what)
        return error if what == error.what else type(error)(error.code, what)
    if clean(error, LONGEST) == str(error):
        return error
    # An error of others may make its text of more than its arguments, so it is told by one of ours.
    logger.opt(exception=error).error("the text of an error was cleaned")
    return Failed("run-failed", clean_line(f"{type(error).__name__}: {error}"))


def clean_outcome(outcome: Outcome) -> Outcome:
    """An outcome whose texts may leave."""
    if not isinstance(outcome, Ended):
        return outcome
    values = outcome.model_dump()
    cleaned = _clean_texts(values)
    return outcome if cleaned == values else type(outcome).model_validate(cleaned)


def _clean_texts(value: Any) -> Any:
    if isinstance(value, str):
        return clean_line(value)
    if isinstance(value, Mapping):
        return {_clean_texts(name): _clean_texts(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_clean_texts(each) for each in value)
    return value
