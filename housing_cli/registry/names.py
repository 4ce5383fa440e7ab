"""What versions, aliases, tags and files are called; a REF is never two of them."""

from __future__ import annotations

import re

from housing_cli.errors import UsageError

PRODUCTION = "production"
PREVIOUS = "previous"
LATEST = "latest"
SHADOW = "shadow"
"""What prices every row beside production, and answers none."""
CANARY = "canary"
"""What answers a part of the rows."""
CANDIDATE = "candidate"
"""What won, and waits for a person."""
PASSING = (SHADOW, CANARY, CANDIDATE)
"""Aliases that end: by promotion of what they name, or by being aborted."""

APPROVED_BY = "approved_by"
"""The key of an event's evidence that holds who approved it."""

MODEL_FILE = "model.onnx"
"""What is served."""
PIPELINE_FILE = "model.joblib"
"""The fitted scikit-learn pipeline."""
INTERVALS_FILE = "intervals.json"
EXPLANATION_FILE = "explanation.json"
REFERENCE_FILE = "reference.json"
METADATA_FILE = "metadata.json"
SIGNATURE_FILE = "metadata.json.minisig"
SIGNATURES = "signatures"
"""The folder of who moved an alias: of what an alias names, not of what a version is."""

VERSION_NAME = re.compile(r"v[1-9][0-9]*")
VERSION_REF = re.compile(r"v?([1-9][0-9]*)")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RULE = "use up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit; not a"


def is_version(text: str | None) -> bool:
    """Say whether `text` is the name of a version: `v3`."""
    return text is not None and VERSION_NAME.fullmatch(text) is not None


def check_tag(tag: str) -> None:
    """Raise `UsageError` unless `tag` can be told from versions and aliases in a REF."""
    taken = {LATEST, PRODUCTION, PREVIOUS, *PASSING}
    if not NAME.fullmatch(tag) or VERSION_REF.fullmatch(tag) or tag in taken:
        raise UsageError(
            f"`{printable(tag)}` cannot be a tag",
            f"{_RULE} version, `latest`, `production`, `previous`, `shadow`, `canary` or "
            "`candidate`",
        )


def may_be_alias(text: str) -> bool:
    """Say whether an alias can be called `text`; `previous` is one."""
    return bool(NAME.fullmatch(text)) and not VERSION_REF.fullmatch(text) and text != LATEST


def check_alias(alias: str) -> None:
    """Raise `UsageError` unless `alias` can be an alias that is pointed by hand."""
    if not may_be_alias(alias) or alias == PREVIOUS:
        raise UsageError(
            f"`{printable(alias)}` cannot be an alias",
            f"{_RULE} version, `latest` or `previous`",
        )


def statement_file(alias: str, version: str) -> str:
    """Return the name of the file that signs that `alias` names `version`."""
    return f"{alias}-{version}.minisig"


def printable(text: str) -> str:
    """Return at most 80 characters of `text` on one line, fit for a message."""
    return "".join(c if c.isprintable() else " " for c in text[:80])


def storable(text: str) -> str:
    """Return `text` as JSON can hold it.

    Bytes that are no text in the user's locale come in as lone surrogates; they are escaped.
    """
    return text.encode("utf-8", "backslashreplace").decode()
