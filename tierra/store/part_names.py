"""The names of a data set's objects, and what each says of the partition and generation it is for.

A part is `parts/<partition>/<generation>-<random>-<sha256>.parquet`, its pending mark
`pending/<generation>-<random>-<sha256>-<partition>`, a manifest `manifests/<partition>/<generation>.json`.
The random letters make a part's name its own: a name that was removed is never written again.
Older versions named a part by its partition and digest, or by its digest alone.
"""

import re
from secrets import token_hex
from typing import NamedTuple

_STEM = r"(?:(\d{6})-[0-9a-f]{16}-)?[0-9a-f]{64}"
_PART = re.compile(rf"([^/]+)/parts/(?:([^/]+)/)?({_STEM})\.parquet")
_PENDING = re.compile(rf"([^/]+)/pending/({_STEM})-([^/]+)")
_FATE = re.compile(r"[^/]+/fates/([^/]+)/(\d{6})")
_MANIFEST = re.compile(r"[^/]+/manifests/([^/]+)/(\d{6})\.json")


class Part(NamedTuple):
    """A part's partition, its name, and the generation it was written for, where they are known."""

    partition: str
    name: str
    generation: int | None = None


def new_stem(dataset: str, partition: str, generation: int) -> str:
    """What a new part's name begins with; its digest follows."""
    return f"{dataset}/parts/{partition}/{generation:06d}-{token_hex(8)}-"


def read_part_name(name: str) -> Part | None:
    """What a part's name says; None for a name of another form."""
    found = _PART.fullmatch(name)
    return Part(found[2] or "", name, _number(found[4])) if found else None


def mark_of(name: str) -> str | None:
    """The name of a part's pending mark, which does not end in the digest, as its bytes have another."""
    found = _PART.fullmatch(name)
    return f"{found[1]}/pending/{found[3]}-{found[2]}" if found and found[2] else None


def read_mark(mark: str) -> Part | None:
    """The part that a mark is of; None for a name of another form."""
    found = _PENDING.fullmatch(mark)
    if not found:
        return None
    return Part(found[4], f"{found[1]}/parts/{found[4]}/{found[2]}.parquet", _number(found[3]))


def manifest_name(dataset: str, partition: str, generation: int) -> str:
    """Zero-padded, so that names sort by generation."""
    return f"{dataset}/manifests/{partition}/{generation:06d}.json"


def read_manifest_name(name: str) -> tuple[str, int] | None:
    """Partition and generation; None for a name of another form, whoever put it there."""
    found = _MANIFEST.fullmatch(name)
    return (found[1], int(found[2])) if found and int(found[2]) else None


def fate_name(dataset: str, partition: str, generation: int) -> str:
    """The object that says what became of a generation that was replaced."""
    return f"{dataset}/fates/{partition}/{generation:06d}"


def read_fate_name(name: str) -> tuple[str, int] | None:
    """Partition and generation; None for a name of another form."""
    found = _FATE.fullmatch(name)
    return (found[1], int(found[2])) if found else None


def _number(digits: str | None) -> int | None:
    return int(digits) if digits else None
