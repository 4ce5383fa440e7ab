"""What the URL of a log may be, and how it is shown: without its password."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote_plus

from housing_cli.errors import ConfigError

FORMS = "`csv:DIRECTORY`, `sqlite:///FILE` or `postgresql+psycopg://USER@HOST/DATABASE`"
HIDDEN = "***"

_POSTGRES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_KINDS = frozenset({"csv", "sqlite"}) | _POSTGRES
# Names of settings whose values are nobody's business; `passfile` and `sslkey` go with them.
_SECRET = re.compile(r"pass|pwd|secret|token|credential|key|signature|^sig$", re.IGNORECASE)
# A setting as libpq writes it, `password='two words'`; without quotes up to the next setting.
_SETTING = re.compile(
    r"""([\w%.-]+)(\s*=\s*)('(?:[^'\\]|\\.)*'|.*?(?=\s+[\w%.-]+\s*=|$))""", re.DOTALL
)


def split(url: str) -> tuple[str, str]:
    """Return the kind of a log, `csv`, `sqlite` or `postgresql`, and what follows its colon.

    Raises `ConfigError`, which says what is likely meant, for what names no log.
    """
    kind, _, rest = url.partition(":")
    if kind not in _KINDS or not rest:
        if kind.lower() in _KINDS and rest:
            raise _refused(url, f"write `{redacted(f'{kind.lower()}:{rest}')}`")
        raise _refused(url, f"use {FORMS}")
    if kind == "csv":
        _check_directory(url, rest)
    elif kind == "sqlite":
        _check_file(url, rest)
    elif not rest.startswith("//"):
        raise _refused(url, f"use {FORMS}")
    return "postgresql" if kind in _POSTGRES else kind, rest


def _check_directory(url: str, rest: str) -> None:
    bare = rest.lstrip("/")
    if rest.startswith("//"):
        # `csv://logs` would be `/logs`, and nobody who writes two slashes means that.
        meant = f"`csv:{bare}` or `csv:/{bare}`" if rest[2:3] not in {"", "/"} else f"`csv:/{bare}`"
        raise _refused(url, f"a directory follows `csv:` without further slashes: write {meant}")
    if "://" in rest:
        raise _refused(url, "write a directory after `csv:`, or the other URL alone")
    _check_home(url, "csv:", rest)


def _check_file(url: str, rest: str) -> None:
    path = rest.partition("?")[0]
    if not path.startswith("///") and path.strip("/"):
        # `sqlite://logs/p.db` has a host `logs`; one or no slash is no URL of a database.
        file = path.removeprefix("//").rpartition("@")[2]
        raise _refused(url, f"a file stands behind three slashes: write `sqlite:///{file}`")
    _check_home(url, "sqlite:///", path.removeprefix("///"))


def _check_home(url: str, before: str, path: str) -> None:
    if path == "~" or path.startswith("~/"):
        full = Path.home() / path[2:]
        raise _refused(url, f"`~` is no home here: write `{before}{full}`")


def _refused(url: str, hint: str) -> ConfigError:
    return ConfigError(f"`{redacted(url)}` is not the URL of a prediction log", hint)


def redacted(url: str) -> str:
    """Return `url` without its passwords, fit for messages, whatever its form.

    Hidden are what stands between a user and `@`, and the value of every setting whose name says
    that it is secret: in any case, `%`-encoded, behind `?` and `&`, or as libpq writes settings.
    Rather too much is hidden than too little.
    """
    head, separator, rest = url.partition("://")
    if not separator:
        head, separator, rest = "", "", url
    if "@" in rest:
        credentials, _, host = rest.rpartition("@")
        # `bob` of `postgresql://bob:PW@h`; without slashes the scheme stands before him.
        parts = re.split(":|%3a", credentials, flags=re.IGNORECASE)
        if len(parts) > 1:
            shown = parts[:1] if separator or len(parts) < 3 else parts[:2]  # noqa: PLR2004
            credentials = f"{':'.join(shown)}:{HIDDEN}"
        rest = f"{_without_settings(credentials)}@{_without_settings(host)}"
    else:
        rest = _without_settings(rest)
    return f"{head}{separator}{rest}"


def _without_settings(text: str) -> str:
    before, question, query = text.partition("?")
    shown = [_SETTING.sub(_hide, before)]
    if question:
        shown += [question, "&".join(_without_setting(part) for part in query.split("&"))]
    return "".join(shown)


def _without_setting(part: str) -> str:
    name, equals, _ = part.partition("=")
    return f"{name}={HIDDEN}" if equals and is_secret(name) else part


def _hide(setting: re.Match[str]) -> str:
    return f"{setting[1]}{setting[2]}{HIDDEN}" if is_secret(setting[1]) else setting[0]


def is_secret(name: str) -> bool:
    """Say whether a setting of this name, which may be `%`-encoded, holds a secret."""
    return _SECRET.search(unquote_plus(name)) is not None


def redacted_within(text: str) -> str:
    """Return a message without the passwords of the URLs that stand in it between backticks."""
    return re.sub(r"`([^`]+)`", _redact_quoted, text)


def _redact_quoted(quoted: re.Match[str]) -> str:
    # Names of files may have colons and at signs, too.
    if any(sign in quoted[1].lower() for sign in ("://", "postgres", "=")):
        return f"`{redacted(quoted[1])}`"
    return quoted[0]
