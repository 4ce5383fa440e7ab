"""What only the databases do: restarts, locks, files that move, secrets."""

from __future__ import annotations

import pytest

from housing_cli.errors import ConfigError, LogUnavailable
from housing_cli.prediction_log import open_log, redacted
from tests.prediction_log.rows import BOSTON, ROW


def test_no_message_shows_a_password() -> None:
    url = "postgresql://housing:s3cret@127.0.0.1:1/none"
    log = open_log(url, BOSTON)
    assert "s3cret" not in log.url
    for use in (log.check, log.labeled, lambda: log.append("v1", [ROW], [1.0])):
        with pytest.raises(LogUnavailable) as caught:
            use()
        assert "s3cret" not in caught.value.message + caught.value.hint
    for shown in (url, "postgresql://h/db?password=s3cret&x=1", "postgresql://u:s3@cret@h/db"):
        assert "s3cret" not in redacted(shown)
        assert "cret" not in redacted(shown)


@pytest.mark.parametrize("secret", ["p@ss/w#rd", "a:b@c", "x?y@z"])
def test_a_password_with_an_at_sign_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_log(f"postgresql+psycopg://housing:{secret}@127.0.0.1:1/housing", BOSTON)
    shown = caught.value.message + caught.value.hint
    assert not any(part in shown for part in (secret, secret.rpartition("@")[2] + "@"))
    assert "PGPASSWORD" in caught.value.hint


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "postgresql://h:port/x", "csv:"]
)
def test_a_url_that_names_nothing_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        open_log(url, BOSTON)
