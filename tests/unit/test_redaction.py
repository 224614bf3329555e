"""What leaves: no secret in any form that a setting can take, no escape code, and no text without end."""

import html
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, get_args
from urllib.parse import quote

import pytest
from pydantic import BaseModel, SecretStr

from tests.cases import each
from tierra import redaction
from tierra.errors import Misconfigured
from tierra.redaction import clean, clean_line, strike
from tierra.report.wording import shorten
from tierra.settings import Connection, Settings, load_settings

SECRET = "canary@1/with:a?b&c'd\"e\\f<g>_h"
PLAIN = "canary2plain"
# Every form an address or a connection string gives a password.
FORMS = (
    "postgresql://someone:{}@db.example.org/warehouse",
    "postgresql+psycopg://db.example.org/warehouse?user=someone&password={}&sslmode=require",
    "mysql:someone:{}@db.example.org/warehouse",
    "someone:{}@db.example.org/warehouse",
    "s3://KEY:{}@bucket/prefix",
    "http://someone:{}@pages.example.org:5000/path",
    "https://pages.example.org/path?token={}",
    "https://pages.example.org/path?access_key={}#here",
    "host=db.example.org user=someone password={} dbname=warehouse",
    "mssql+pyodbc://?odbc_connect=DRIVER%3DX%3BUID%3Dsomeone%3BPWD%3D{}",
)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests keep secret is no secret here."""
    monkeypatch.setattr(redaction, "_known", {})
    monkeypatch.setattr(redaction, "_patterns", [])


def text_fields(model: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every setting that takes any text, as the parts of its variable."""
    for name, field in model.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        if Connection in kinds:
            yield from text_fields(Connection, (*path, name, "lake"))
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from text_fields(field.annotation, (*path, name))
        elif kinds & {str, SecretStr}:
            yield (*path, name)


def settings_with(field: tuple[str, ...], value: str) -> Settings:
    """The settings with one of them set, as the environment would."""
    nested: Any = value
    for part in reversed(field[1:]):
        nested = {part: nested}
    pair = {"access_key_id", "secret_access_key"}
    if field[-1] in pair:
        nested = dict.fromkeys(pair, value)
    return load_settings(**{field[0]: nested})


def test_a_secret_in_any_form_of_any_setting_leaves_nowhere(workspace: Any) -> None:
    fields = list(text_fields())
    assert {("store",), ("mlflow_uri",), ("connections", "lake", "url"), ("s3", "profile")} <= set(fields)

    def check(field: tuple[str, ...], form: str, secret: str) -> None:
        redaction._known.clear()
        redaction._patterns.clear()
        value = form.format(quote(secret, safe=""))
        try:
            settings_with(field, value)
        except Misconfigured as refused:
            assert_gone(str(refused), secret)
            return
        for spelled in (str, lambda text: quote(text, safe=""), html.escape, json.dumps, repr):
            assert_gone(strike(f"no answer from {spelled(value)}; {spelled(secret)} was wrong."), secret)

    each([(field, form, word) for field in fields for form in FORMS for word in (SECRET, PLAIN)], check)


def assert_gone(text: str, secret: str) -> None:
    spelled = (secret, quote(secret, safe=""), quote(secret), html.escape(secret), json.dumps(secret)[1:-1])
    assert [word for word in spelled if word in text] == [], text


def test_what_is_secret_is_declared_so_and_shows_in_no_form_of_the_settings(workspace: Any) -> None:
    secret = [("connections", "lake", "url"), ("mlflow_uri",), ("alert_webhook",), ("s3", "secret_access_key")]

    def check(*field: str) -> None:
        settings = settings_with(field, f"http://pages.example.org/{PLAIN}")
        for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json()):
            assert PLAIN not in shown

    each(secret, check)


def test_a_password_that_stands_in_an_address_of_nobody_s_setting_leaves_nowhere() -> None:
    for form in FORMS[:-1]:
        assert PLAIN not in strike(f"project.yaml: score.sink.uri: {form.format(PLAIN)} cannot be read"), form


def test_what_is_no_secret_stays_readable() -> None:
    texts = ["http://127.0.0.1:4200/runs/1", "s3://lake/tierra/models", "ops@example.org was told at 12:30:45",
             "column 'password' holds 3 values", "postgresql://db.example.org/warehouse?sslmode=require"]  # fmt: skip
    assert [clean(text) for text in texts] == texts


def test_a_short_password_is_struck_where_it_is_one_and_not_in_words() -> None:
    load_settings(connections={"lake": {"url": "postgresql://me:db@host/x"}})
    assert strike("postgresql://me:db@host/y of the db") == "postgresql://****@host/y of the db"


def test_escape_codes_and_control_characters_do_not_leave() -> None:
    hostile = "\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 \u202eback\x00 \x9b31m next\r\nline\tof \ud800"
    assert clean(hostile) == "red bell\ufffd \ufffdback\ufffd \ufffd31m next\nline\tof \ufffd"
    assert "\n" not in clean_line(hostile)
    clean(hostile).encode()


@pytest.mark.parametrize(
    "made",
    [lambda: "x" * 5_000_000, lambda: "://:" * 1_250_000, lambda: "a:" * 2_500_000, lambda: "password=" * 600_000,
     lambda: "\x1b[" * 2_500_000, lambda: "a.b-c+" * 800_000 + "@", lambda: "\x1b]" * 2_500_000],
)  # fmt: skip
def test_five_megabytes_are_cut_and_take_no_time(made: Callable[[], str]) -> None:
    text, started = made(), time.process_time()
    assert len(clean(text)) <= redaction.LONGEST
    assert time.process_time() - started < 3


def test_what_a_page_shows_is_cleaned_before_it_is_cut() -> None:
    load_settings(connections={"lake": {"url": f"postgresql://me:{PLAIN}@host/x"}})
    assert [shorten(f"\x1b[31mat {PLAIN}", length) for length in (40, 6, 5)] == ["at ****", "at **…", "at *…"]


def test_the_end_of_a_text_that_is_cut_is_kept_and_no_half_of_a_secret() -> None:
    load_settings(connections={"lake": {"url": f"postgresql://me:{PLAIN * 3}@host/x"}})
    for length in range(900, 1_000):
        cut = clean(f"{'a' * 690} {PLAIN * 3} {'b' * 5_000} the error", length)
        assert "canary" not in cut
        assert cut.endswith("the error")
