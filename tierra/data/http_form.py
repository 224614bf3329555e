"""Data at a web address, in a project file; and by which endings files are known."""

from pathlib import PurePosixPath
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field

from tierra.errors import Misconfigured
from tierra.spec import Name, Spec
from tierra.store.web_address import is_web, parse_address

COMPRESSIONS: Final = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
TABLES: Final = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xlsm", ".zip")
Format = Literal["csv", "tsv", "jsonl", "parquet", "xlsx"]


class HttpForm(Spec):
    """How a web address is asked. Links to a next page are followed in any case."""

    token: Name | None = Field(
        None, description="A bearer token: the setting TIERRA_HTTP__TOKENS__<NAME>; sent to the address's host alone"
    )
    page_parameter: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_.-]+$", description="The query's parameter that counts pages, until one is empty"
    )
    first_page: int = Field(1, ge=0, description="The number of the first page")


def file_name(path: str) -> str:
    """A path, or that of a web address without its query."""
    return urlsplit(path).path if is_web(path) else path


def check_web_path(path: str, stated: Format | None) -> None:
    """Raise ValueError for what is no web address, and for one that does not say what it holds."""
    try:
        parse_address(path)
    except Misconfigured as error:
        raise ValueError(error.what) from None
    suffixes = [each.lower() for each in PurePosixPath(file_name(path)).suffixes[-2:]]
    if not stated and not any(each in TABLES for each in suffixes):
        raise ValueError(f"{path} does not end in {', '.join(TABLES)}: state `format`")
