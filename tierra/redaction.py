"""What may leave a process: texts without secrets and control characters, cut to a length.

Secrets are struck where text leaves, not where it is made: drivers, servers and project functions quote what they
were given. The doors are the log sinks, pages, summaries, states, artifacts and printed lines; each calls `clean`, or
`strike` for a page whose texts were cleaned one by one. What is struck are the secrets this process knows, in every
spelling, and whatever stands where an address or an assignment has its password.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

REDACTED: Final = "****"
LONGEST: Final = 2_000
# A longer text is cut before it is searched.
SEARCHED: Final = 1_000_000
# A shorter secret would be found in ordinary words; it is struck where it stands in an address.
SHORTEST: Final = 4

_NAMES = r"(?:password|passwd|passphrase|pwd|secret|token|credentials?|signature|\bsig|api[_-]?key|access[_-]?key)"
_ASSIGNMENT = re.compile(rf"{_NAMES}\s{{0,3}}=\s{{0,3}}('(?:[^'\\]|\\.)*'|\"[^\"]*\"|\{{[^}}]*\}}|\S+)", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"://(?:[^\s/@\"'<>\\]{1,500}|[^\s/@:\"'<>\\]{0,100}:[^\s@\"'<>\\]{1,500})@")
_WITHOUT_SCHEME = re.compile(r"(?<![\w.+/-])[\w.+-]{1,100}:(?!//)[^\s@\"'<>\\]{1,500}@(?=[\w.-])")
_ASSIGNED = re.compile(
    rf"({_NAMES}(?:\s{{0,3}}=\s{{0,3}}|[\"']\s{{0,3}}:\s{{0,3}}[\"']))[^\s&;,\"'<>\\)}}]{{1,500}}", re.IGNORECASE
)
_ESCAPES = re.compile(
    r"\x1b\[[0-?]{0,100}[ -/]{0,10}[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)?|\x1b[ -/]?[0-~]?"
)
# Control characters, marks that turn the direction of writing, and halves of characters.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_lock = Lock()
_known: dict[str, None] = {}
_patterns: list[re.Pattern[str]] = []


def protect(secrets: Iterable[str]) -> None:
    """Strike these texts, in every spelling, out of whatever leaves this process from now on."""
    new = [word for secret in secrets for word in spellings(secret) if len(word) >= SHORTEST]
    with _lock:
        if all(word in _known for word in new):
            return
        _known.update(dict.fromkeys(new))
        longest_first = sorted(_known, key=len, reverse=True)
        _patterns[:] = [re.compile("|".join(map(re.escape, longest_first)))]


def clean(text: object, length: int = LONGEST) -> str:
    """A text as it may leave: no secret, no escape code, no control character but line breaks and tabs; cut inside."""
    shown = _ESCAPES.sub("", str(text)[:SEARCHED]).replace("\r\n", "\n").replace("\r", "\n")
    return cut(strike(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", shown)), length)


def clean_line(text: object, length: int = LONGEST) -> str:
    """A text as it may leave, in one line."""
    return " ".join(clean(text, length).split("\n"))


def strike(text: str) -> str:
    """A text without secrets, else as it is."""
    for known in _patterns:
        text = known.sub(REDACTED, text)
    if "@" in text:
        text = _WITHOUT_SCHEME.sub(f"{REDACTED}@", _IN_ADDRESS.sub(f"://{REDACTED}@", text))
    return _ASSIGNED.sub(rf"\g<1>{REDACTED}", text)


def cut(text: str, length: int) -> str:
    """A text cut to a length: its beginning and its end, for a traceback has its error last."""
    if len(text) <= length:
        return text
    return f"{text[: length * 3 // 4 - 1]}…{text[len(text) - length // 4 :]}"


def secrets_in(text: str) -> Iterator[str]:
    """The passwords that an address or a connection string holds, as they are written there."""
    rest = text.partition("://")[2] or text
    # A password may hold what ends it by the rules; both readings of the address are struck.
    for before in (rest.rpartition("@")[0], re.split("[/?#]", rest)[0].rpartition("@")[0]):
        yield from (word for word in (before.partition(":")[2], before.rpartition(":")[2]) if ":" in before and word)
    for written in (text, unquote_plus(text)):
        for value in _ASSIGNMENT.findall(written):
            yield from (word for word in (value.strip("'\"{}"), re.split("[&;#]", value)[0].strip("'\"{}")) if word)


def spellings(secret: str) -> Iterator[str]:
    """A text as addresses, pages, JSON, Python and Markdown write it."""
    for word in dict.fromkeys((secret, unquote(secret), unquote_plus(secret))):
        quoted = (quote(word, safe=""), quote(word), quote_plus(word))
        yield from (word, *quoted, *(re.sub("%..", lambda found: found[0].lower(), each) for each in quoted))
        yield from (html.escape(word), html.escape(word, quote=False), html.escape(word).replace("&#x27;", "&#39;"))
        yield from (json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1], repr(word)[1:-1])
        yield re.sub(r"([\\`*_\[\]])", r"\\\1", word).replace("<", "&lt;")
