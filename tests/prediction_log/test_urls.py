"""A URL that names no log says what was meant, and no form of it shows its password."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.errors import ConfigError
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.urls import FORMS, is_secret, redacted, redacted_within, split
from tests.conftest import Housing
from tests.prediction_log.rows import BOSTON

WORDS = st.text("abcXYZ019-_.~!$*+%", min_size=3, max_size=12).map(lambda text: f"Q{text}Q")
# PW stands for the password; `?` and `/` begin no part of a URL before its host.
SECRET_FORMS = [
    "postgresql://bob:PW@h/d",
    "postgresql+psycopg://bob:PW@h:5432/d?sslmode=require",
    "postgres://:PW@h",
    "POSTGRESQL://bob:PW@h/d",
    "postgresql:bob:PW@h",
    "postgresql:/bob:PW@h/d",
    "bob:PW@h",
    "//bob:PW@h/d",
    "postgresql://bob:PW?x=y@h/d",
    "postgresql://bob:PW/x@h/d",
    "postgresql://bob:x@PW@h/d",
    "postgresql://bob:x:PW@h/d",
    "postgresql://bob%3APW@h/d",
    "postgresql://h/d?password=PW",
    "postgresql://h/d?PASSWORD=PW",
    "postgresql://h/d?x=1&PassWord=PW&y=2",
    "postgresql://h/d?pass%77ord=PW",
    "postgresql://h/d?%70%61%73%73%77%6F%72%64=PW&x=1",
    "postgresql://h/d?sslpassword=PW",
    "postgresql://h/d?password=a PW",
    "postgresql://h/d?password=x=PW",
    "postgresql://u:x@h/d?password=PW",
    "postgresql:host=h?password=PW",
    "host=h user=bob password=PW",
    "host=h PASSWORD = PW dbname=d",
    "host=h password='a PW' dbname=d",
    r"host=h password='it\'s PW' dbname=d",
    "host=h password='never closed PW",
    "postgresql:host=h password=PW",
    "postgresql://host=h password=PW",
    "mysql://bob:PW@h/d",
    "s3://AKIA:PW@bucket/prefix",
    "s3://bucket/prefix?aws_secret_access_key=PW",
    "https://h/c?sv=1&sig=PW",
    "csv:postgresql://bob:PW@h/d",
    "sqlite://bob:PW@h/p.db",
    "sqlite:///p.db?key=PW",
]


@pytest.mark.parametrize("form", SECRET_FORMS)
@given(password=WORDS)
def test_no_form_of_a_url_shows_its_password(form: str, password: str) -> None:
    url = form.replace("PW", password)
    assert password not in redacted(url)
    assert password not in redacted(redacted(url))
    with_url = f"error: `{url}` is no good; hint: see `--set log.url={url}`"
    assert form == "bob:PW@h" or form.startswith("//") or password not in redacted_within(with_url)


@pytest.mark.parametrize("form", SECRET_FORMS)
def test_a_url_that_is_refused_is_refused_without_its_password(form: str) -> None:
    try:
        log = open_log(form.replace("PW", "s3cret"), BOSTON)
    except ConfigError as error:
        assert "s3cret" not in error.message + error.hint
    else:
        assert "s3cret" not in log.url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("csv:logs", "csv:logs"),
        ("sqlite:///logs/p.db", "sqlite:///logs/p.db"),
        ("postgresql://h/d?sslmode=require", "postgresql://h/d?sslmode=require"),
        ("host=h user=bob password=x dbname=d", "host=h user=bob password=*** dbname=d"),
        ("postgresql:bob:x@h", "postgresql:bob:***@h"),
        ("postgresql://bob@h:5432/d", "postgresql://bob@h:5432/d"),
        ("postgresql://bob:x@h/d?a=1", "postgresql://bob:***@h/d?a=1"),
        ("postgresql://h/d?a=1&PASSWORD=x&b=2", "postgresql://h/d?a=1&PASSWORD=***&b=2"),
    ],
)
def test_what_is_no_secret_is_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_a_message_keeps_what_is_no_url() -> None:
    text = "`a:b@c.csv`, line 3: `a` is `x@y`, not `1`; use `--set log.url=csv:logs`"
    assert redacted_within(text) == text
    assert redacted_within(FORMS) == FORMS


@pytest.mark.parametrize("name", ["password", "PGPASSWORD", "ssl%70assword", "api.keys", "sig"])
def test_secrets_are_known_by_their_names(name: str) -> None:
    assert is_secret(name)
    assert not any(map(is_secret, ("host", "sslmode", "user", "design", "dbname")))


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("csv:logs", ("csv", "logs")),
        ("csv:/var/logs", ("csv", "/var/logs")),
        ("csv:.", ("csv", ".")),
        ("csv:a~b", ("csv", "a~b")),
        ("sqlite:///p.db", ("sqlite", "///p.db")),
        ("sqlite:////var/p.db", ("sqlite", "////var/p.db")),
        ("postgres://h/d", ("postgresql", "//h/d")),
        ("postgresql+psycopg://h/d", ("postgresql", "//h/d")),
    ],
)
def test_a_url_is_the_kind_of_a_log_and_its_place(url: str, parts: tuple[str, str]) -> None:
    assert split(url) == parts


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("csv://name", "`csv:name` or `csv:/name`"),
        ("csv://var/logs", "`csv:var/logs` or `csv:/var/logs`"),
        ("csv:///var/logs", "write `csv:/var/logs`"),
        ("csv:file:///var/logs", "after `csv:`, or the other URL"),
        ("csv:sqlite:///p.db", "the other URL alone"),
        ("csv:~/logs", f"`csv:{Path.home()}/logs`"),
        ("csv:~", f"`csv:{Path.home()}`"),
        ("CSV:logs", "write `csv:logs`"),
        ("csv:", FORMS),
        ("logs", FORMS),
        ("", FORMS),
        ("sqlite://logs/p.db", "`sqlite:///logs/p.db`"),
        ("sqlite://p.db", "`sqlite:///p.db`"),
        ("sqlite:/var/p.db", "`sqlite:////var/p.db`"),
        ("sqlite:p.db", "`sqlite:///p.db`"),
        ("sqlite:///~/p.db", f"`sqlite:///{Path.home()}/p.db`"),
        ("SQLite:///p.db", "write `sqlite:///p.db`"),
        ("sqlite3:///p.db", FORMS),
        ("postgresql:h/d", FORMS),
        ("postgresql+psycopg2://h/d", FORMS),
        ("mysql://h/d", FORMS),
    ],
)
def test_a_url_that_names_no_log_is_told_what_it_may_be(url: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        open_log(url, BOSTON)
    assert raised.value.message == f"`{url}` is not the URL of a prediction log"
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    "url", ["sqlite:///p.db?timeout=long", "sqlite:///p.db?bogus=1", "postgresql://h:port/d"]
)
def test_a_url_whose_parts_make_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        open_log(url, BOSTON)
    assert raised.value.hint


def test_a_file_that_a_hint_proposes_is_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        open_log(f"sqlite:{tmp_path}/p.db", BOSTON)
    meant = raised.value.hint.split("`")[1]
    open_log(meant, BOSTON).init()
    assert (tmp_path / "p.db").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "--set", "postgresql://u:s3cret@h"),
        ("evaluate", "--set", 'log="postgresql://u:s3cret@h"'),
        ("evaluate", "--set", 'log.ur="postgresql://u:s3cret@h"'),
        ("log", "init", "postgresql://u:s3cret@h/d"),
        ("log", "init", "postgresql:bob:s3cret@h"),
        ("log", "init", "--url", "postgresql:bob:s3cret@h"),
        ("log", "init", "--url", "sqlite://bob:s3cret@h/p.db", "--json"),
        ("log", "init", "--url", "postgresql://h:x/d?PASSWORD=s3cret"),
    ],
)
def test_no_error_of_the_command_line_shows_a_password(
    words: tuple[str, ...], housing: Housing, workshop: Path
) -> None:
    ran = housing(*words)
    assert ran.code and "s3cret" not in ran.stdout + ran.stderr
    assert not list(workshop.glob("*.db"))
