"""What can go wrong, as a tree, and the exit codes that scripts act on.

HousingError                  a known failure: message and hint, never a traceback
├── UsageError                a value given on the command line makes no sense
├── ConfigError               a settings file or variable is wrong
│   └── ModelError            `model.*` makes no model that can be fitted
├── DataError                 a table cannot be used
├── ExportError               the compiled model does not equal the fitted one
├── RegistryError
│   ├── VersionNotFound       a REF names nothing, or more than one thing
│   ├── VersionCorrupt        hashes or golden rows do not match
│   │   └── VersionUntrusted  no trusted key signed it
│   ├── NotExplained          a version carries nothing that explains its prices
│   ├── NewerFormat           a newer program wrote what this one cannot read
│   └── RegistryBusy          another command holds the lock for too long
├── LogError
│   ├── LogUnavailable        the prediction log cannot be read or written now
│   │   └── LogBusy           another writer holds it
│   ├── LogSchemaMismatch     the log has other columns, or a format that does not do
│   └── UnknownPrediction     feedback for an id that was never issued
├── SchemaMismatch            a version expects other features than its user
├── InsufficientEvidence      too few labeled rows to do what was asked
├── GateRefused               the challenger is not better than the champion
├── ReportError               a report cannot be written
├── OutputError               a table of prices cannot be written
├── RowsRefused               rows of a table were not priced
├── RouteError                a cluster did not take the weights of its route
└── ServeError                the server cannot start

Errors know no HTTP status and no exit code: `cli.py` and `api/app.py` own those tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `housing`; a documented contract (see the README)."""

    OK = 0
    FAILURE = 1
    DEGRADED = 2
    INSUFFICIENT = 3
    REFUSED = 4
    USAGE = 64
    INTERRUPTED = 130


class HousingError(Exception):
    """A known failure.

    `message` says what happened in one line, `hint` what to do next, and `evidence` carries
    figures for `--json` where there are any.
    """

    def __init__(
        self, message: str, hint: str = "", evidence: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.evidence = dict(evidence or {})


class UsageError(HousingError):
    """A value given on the command line makes no sense."""


class ConfigError(HousingError):
    """A settings file or a `HOUSING_*` variable is wrong."""


class ModelError(ConfigError):
    """`model.regressor` or `model.params` make no model that can be fitted."""


class DataError(HousingError):
    """A table cannot be used."""


class ExportError(HousingError):
    """The compiled model does not equal the fitted one."""


class RegistryError(HousingError):
    """The model registry cannot do what was asked."""


class VersionNotFound(RegistryError):
    """A REF names nothing, or more than one thing."""


class VersionCorrupt(RegistryError):
    """Hashes or golden rows of a version do not match."""


class VersionUntrusted(VersionCorrupt):
    """No trusted key signed a version, or the move of an alias."""


class NotExplained(RegistryError):
    """A version carries nothing that explains its prices."""


class NewerFormat(RegistryError):
    """A newer program wrote what this one would misread."""


class RegistryBusy(RegistryError):
    """Another command holds the registry's lock for too long."""


class LogError(HousingError):
    """The prediction log cannot do what was asked."""


class LogUnavailable(LogError):
    """The prediction log cannot be read or written now; it may recover by itself."""


class LogBusy(LogUnavailable):
    """Another writer holds the prediction log for longer than one wants to wait."""


class LogSchemaMismatch(LogError):
    """The prediction log has other columns, a newer format, or an older one without the room."""


class UnknownPrediction(LogError):
    """Feedback for an id that was never issued."""


class SchemaMismatch(HousingError):
    """A version expects other features than the one who uses it."""


class InsufficientEvidence(HousingError):
    """Too few labeled rows to do what was asked."""


class GateRefused(HousingError):
    """The challenger is not better than the champion."""


class ReportError(HousingError):
    """A report cannot be written."""


class OutputError(HousingError):
    """A table of prices cannot be written."""


class RowsRefused(HousingError):
    """Rows of a table were not priced; the others were."""


class RouteError(HousingError):
    """A cluster did not take the weights of its route; what was to be promoted may be."""


class ServeError(HousingError):
    """The server cannot start."""
