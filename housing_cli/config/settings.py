"""Every setting: sections, types, ranges and built-in defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Struct

from housing_cli.config.window import parse_window
from housing_cli.data.header import look
from housing_cli.data.kinds import Kind, KindName
from housing_cli.data.metrics import METRICS
from housing_cli.data.schema import FeatureSchema, Limits, Units, check_names, check_units
from housing_cli.data.shipped import UNITS
from housing_cli.errors import UsageError

Text = Annotated[str, Meta(min_length=1)]
Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Fraction = Annotated[float, Meta(gt=0, lt=1)]
if TYPE_CHECKING:
    Metric = str
else:
    Metric = Literal[tuple(METRICS)]


_SHIPPED_TARGET = "MEDV"


class Data(Struct, frozen=True, forbid_unknown_fields=True):
    """The table: where it lies and which of its columns are what."""

    path: Text = "data/HousingData.csv"
    source: str = ""
    features: Annotated[tuple[Text, ...], Meta(min_length=1)] = (
        "CRIM",
        "ZN",
        "INDUS",
        "CHAS",
        "NOX",
        "RM",
        "AGE",
        "DIS",
        "RAD",
        "TAX",
        "PTRATIO",
        "B",
        "LSTAT",
    )
    target: Text = _SHIPPED_TARGET
    limits: Limits = {}
    kinds: dict[str, KindName | Kind] = {}
    units: Units = msgspec.field(default_factory=lambda: dict(UNITS))

    def __post_init__(self) -> None:
        """Refuse names that cannot be columns; msgspec turns it into a validation error."""
        check_names(self.features, self.target, self.limits)
        if self.units == UNITS:  # by default, or as the shipped settings file has it
            msgspec.structs.force_setattr(self, "units", self._shipped_units())
        check_units(self.features, self.target, self.units)
        if lost := [name for name in self.kinds if name not in self.features]:
            raise ValueError(f"a kind for `{lost[0]}`, which is not a feature")
        columns = [*self.features, self.target]
        if alike := next((n for n in columns if [look(c) for c in columns].count(look(n)) > 1), ""):
            raise ValueError(f"two columns look the same, as {alike!a} does")

    def _shipped_units(self) -> Units:
        """Return the shipped units as far as they hold: `AGE` of another table may be years."""
        columns = {*self.features, self.target} if self.target == _SHIPPED_TARGET else {}
        return {name: unit for name, unit in UNITS.items() if name in columns}


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """What is fitted: a scikit-learn regressor behind an imputer.

    target: what it learns, the price or its logarithm.
    """

    regressor: Text = "RandomForestRegressor"
    params: dict[str, Any] = msgspec.field(
        default_factory=lambda: {"n_estimators": 300, "max_features": 0.4}
    )
    imputer: Literal["mean", "median", "most_frequent"] = "median"
    target: Literal["price", "log"] = "price"


class Train(Struct, frozen=True, forbid_unknown_fields=True):
    """How it is fitted and how the baseline is measured."""

    # Each repeat adds one to the seed, and NumPy takes 32 bits.
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 42
    folds: Annotated[int, Meta(ge=2)] = 5
    repeats: Annotated[int, Meta(ge=1, le=1000)] = 5
    jobs: Annotated[int, Meta(ge=-1)] = -1
    tune: Annotated[int, Meta(ge=0, le=10_000)] = 0
    tune_minutes: Annotated[float, Meta(gt=0)] | None = None
    tune_regressors: tuple[Text, ...] = (
        "RandomForestRegressor",
        "ExtraTreesRegressor",
        "GradientBoostingRegressor",
        "HistGradientBoostingRegressor",
        "VotingRegressor",
    )

    def __post_init__(self) -> None:
        """Refuse zero cores."""
        if self.jobs == 0:
            raise ValueError("`train.jobs` is 0: give a number of cores, or -1 for all")


class Evaluate(Struct, frozen=True, forbid_unknown_fields=True):
    """When recent reality counts as worse than the baseline."""

    threshold: Annotated[float, Meta(ge=0)] = 0.1
    window: str | int = "30d"
    min_samples: Positive = 30
    metric: Metric = "rmse"
    confidence: Fraction | None = None
    false_alarms_per_year: Fraction | None = None
    unlabeled: Annotated[float, Meta(gt=0, le=1)] = 0.1

    def __post_init__(self) -> None:
        """Refuse what is no window; msgspec turns it into a validation error."""
        try:
            parse_window(self.window)
        except UsageError as error:
            raise ValueError(f"{error.message}: {error.hint}") from None


class Retrain(Struct, frozen=True, forbid_unknown_fields=True):
    """How a challenger is made and compared."""

    holdout: Fraction = 0.3
    min_samples: Positive = 30
    max_level: Annotated[float, Meta(gt=1)] = 3.0
    max_unexplained: Annotated[float, Meta(ge=0, le=1)] = 0.1
    max_rows: Positive = 1_000_000


class Promote(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may make a version production."""

    require_approval: bool = False


class Registry(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the versions live."""

    path: Text = "artifacts"
    lock_timeout: Seconds = 60.0
    signing_key: Text | None = None
    trusted_keys: tuple[Text, ...] = ()


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """Where predictions and real prices are recorded."""

    url: Text = "csv:logs"
    fsync: bool = False


class Serve(Struct, frozen=True, forbid_unknown_fields=True):
    """The server process.

    split: it answers a canary's part itself. canary_abort: it leaves a canary by itself beyond
    `canary_errors` (share of rows that it fails on), `canary_slower_ms` (of a call, beyond one of
    production's) or `canary_jump` (median |log ratio| of its prices and production's).
    dashboard: `/` is a page for people at this machine, or for those who have an API key.
    """

    host: Text = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    workers: Positive = 1
    version: Text = "production"
    reload_seconds: Seconds = 0.5
    grace_seconds: Seconds = 10.0
    header_timeout: Seconds = 10.0
    request_timeout: Seconds = 30.0
    access_log: bool = False
    adapt_intervals: bool = False
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    root_path: str = ""
    split: bool = True
    canary_abort: bool = True
    canary_errors: Fraction = 0.01
    canary_slower_ms: Annotated[float, Meta(gt=0)] = 20.0
    canary_jump: Annotated[float, Meta(gt=0)] = 0.5
    dashboard: bool = True


class Api(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may call the API, and with how much."""

    keys: tuple[Text, ...] = ()
    keys_file: Text | None = None
    protect_metrics: bool = False
    cors_origins: tuple[Text, ...] = ()
    unknown_category: Literal["warn", "refuse"] = "warn"
    max_body_bytes: Positive = 8 * 1024 * 1024
    max_batch_rows: Positive = 10_000
    max_bytes_in_flight: Positive = 32 * 1024 * 1024


class Explain(Struct, frozen=True, forbid_unknown_fields=True):
    """What an explanation of a price shows."""

    comparables: bool = False


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """The route of a Kubernetes cluster that gives a canary its share of the requests.

    name: its own, and that of production's Service. gateway: `NAME` or `NAMESPACE/NAME`.
    """

    name: Annotated[str, Meta(min_length=1, max_length=56)] = "housing"
    namespace: str = ""
    gateway: Text = "gateway"
    hostnames: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what a cluster takes for no name; msgspec turns it into a validation error."""
        label, host = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", r"(\*\.)?[a-z0-9]([-.a-z0-9]*[a-z0-9])?"
        shapes = [
            ("name", [self.name], r"[a-z]([-a-z0-9]*[a-z0-9])?"),
            ("namespace", [self.namespace] if self.namespace else [], label),
            ("gateway", [self.gateway], rf"({label}/)?{label}"),
            ("hostnames", self.hostnames, host),
        ]
        for key, values, shape in shapes:
            for value in values:
                if not re.fullmatch(shape, value):
                    raise ValueError(f"`route.{key}` is {value!a}, which is no name in Kubernetes")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Every setting of one command, checked and frozen."""

    data: Data = Data()
    model: Model = msgspec.field(default_factory=Model)
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    retrain: Retrain = Retrain()
    promote: Promote = Promote()
    registry: Registry = Registry()
    log: Log = Log()
    serve: Serve = Serve()
    api: Api = Api()
    explain: Explain = Explain()
    route: Route = Route()

    def schema(self) -> FeatureSchema:
        """Return the feature schema of the configured table, with the kinds that were learned."""
        known = {k: v for k, v in self.data.kinds.items() if not isinstance(v, str)}
        data = self.data
        return FeatureSchema(data.features, data.target, data.limits, known, data.units)

    def learned(self, kinds: Mapping[str, Kind]) -> Settings:
        """Return these settings with what a table's features turned out to be."""
        data = msgspec.structs.replace(
            self.data, kinds={**dict.fromkeys(self.data.features, "number"), **kinds}
        )
        return msgspec.structs.replace(self, data=data)


SECTIONS: dict[str, type[Struct]] = get_type_hints(Settings)


def hints(section: str) -> dict[str, Any]:
    """Return the type of every key of `section`, with its range."""
    return get_type_hints(SECTIONS[section], include_extras=True)
