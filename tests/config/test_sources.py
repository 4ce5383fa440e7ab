"""Settings: which source wins, and how texts are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.config import SECTIONS, load_settings
from housing_cli.config.sources import _all_keys
from housing_cli.data.shipped import UNITS
from housing_cli.errors import ConfigError, HousingError
from tests.conftest import ROOT


def test_an_option_beats_a_variable_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[evaluate]\nthreshold = 0.2\nmin_samples = 5\nmetric = 'mae'\n")
    settings = load_settings(
        file,
        {"evaluate.threshold": 0.4, "evaluate.metric": None},
        ["evaluate.min_samples=7"],
        {"HOUSING_EVALUATE_THRESHOLD": "0.3", "HOUSING_EVALUATE_MIN_SAMPLES": "6"},
    ).evaluate
    assert (settings.threshold, settings.min_samples, settings.metric) == (0.4, 7, "mae")
    assert settings.window == "30d"


def test_the_built_in_defaults_need_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).data.target == "MEDV"


def test_a_wrong_budget_is_named_as_the_option_is() -> None:
    with pytest.raises(HousingError, match="`--budget`"):
        load_settings(None, {"evaluate.false_alarms_per_year": 0.0}, (), {})


def test_a_variable_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[train]\nseed = 5\n")
    assert load_settings(environ={"HOUSING_CONFIG": str(file)}).train.seed == 5


@pytest.mark.parametrize(
    ("variable", "text", "section", "key", "value"),
    [
        ("HOUSING_LOG_FSYNC", "1", "log", "fsync", True),
        ("HOUSING_LOG_FSYNC", "True", "log", "fsync", True),
        ("HOUSING_LOG_FSYNC", "off", "log", "fsync", False),
        ("HOUSING_LOG_URL", '"csv:here"', "log", "url", "csv:here"),
        ("HOUSING_EVALUATE_THRESHOLD", ".2", "evaluate", "threshold", 0.2),
        ("HOUSING_EVALUATE_WINDOW", "200", "evaluate", "window", 200),
        ("HOUSING_EVALUATE_WINDOW", "24h", "evaluate", "window", "24h"),
        ("HOUSING_EVALUATE_CONFIDENCE", "0.95", "evaluate", "confidence", 0.95),
        ("HOUSING_API_KEYS", "a, b,", "api", "keys", ("a", "b")),
        ("HOUSING_API_KEYS", '["a,b"]', "api", "keys", ("a,b",)),
        ("HOUSING_API_KEYS_FILE", "123", "api", "keys_file", "123"),
        ("HOUSING_DATA_PATH", "123", "data", "path", "123"),
        ("HOUSING_MODEL_PARAMS", "{max_depth = 3}", "model", "params", {"max_depth": 3}),
    ],
)
def test_a_variable_is_read_as_the_type_of_its_setting(
    variable: str, text: str, section: str, key: str, value: object
) -> None:
    settings = load_settings(environ={variable: text})
    assert getattr(getattr(settings, section), key) == value


def test_an_entry_joins_its_table_and_a_table_replaces_it() -> None:
    def params(*sets: str) -> dict[str, object]:
        return load_settings(sets=sets, environ={}).model.params

    assert params("model.params.max_depth=3") == {
        "n_estimators": 300, "max_features": 0.4, "max_depth": 3,
    }  # fmt: skip
    assert params("model.params={max_depth=3}") == {"max_depth": 3}
    limits = ("data.limits.RM=[1, 9]", "data.limits.AGE=[0, 100]")
    assert set(load_settings(sets=limits, environ={}).data.limits) == {"RM", "AGE"}


def test_what_is_said_of_features_comes_after_their_list() -> None:
    sets = ["data.kinds.built=date", "data.limits.area=[1, 9]", 'data.features=["area", "built"]']
    data = load_settings(sets=sets, environ={}).data
    assert data.features == ("area", "built")
    assert data.kinds == {"built": "date"} and set(data.limits) == {"area"}


def test_a_unit_joins_those_that_hold_for_the_columns(tmp_path: Path) -> None:
    def units(*sets: str, file: Path | None = None) -> dict[str, str]:
        return load_settings(file, sets=sets, environ={}).data.units

    assert units("data.units.RM=sqft") == {**UNITS, "RM": "sqft"}
    assert units('data.units={RM = "sqft"}') == {"RM": "sqft"}
    other = ("data.units.area=m²", 'data.features=["area", "AGE"]', "data.target=price")
    for file in (ROOT / "configs" / "housing.toml", None):
        assert units(*other, file=file) == {"area": "m²"}
    own = tmp_path / "own.toml"
    own.write_text('[data]\nfeatures = ["area", "AGE"]\ntarget = "price"\nunits.AGE = "years"\n')
    assert units("data.units.price=EUR", file=own) == {"AGE": "years", "price": "EUR"}
    variables = {"HOUSING_DATA_UNITS": '{price = "EUR"}'}
    assert load_settings(own, environ=variables).data.units == {"price": "EUR"}


def test_another_regressor_starts_without_the_parameters_of_the_first() -> None:
    for sets in (
        ["model.regressor=Ridge", "model.params.alpha=2"],
        ["model.params.alpha=2", "model.regressor=Ridge"],
    ):
        model = load_settings(sets=sets, environ={}).model
        assert (model.regressor, model.params) == ("Ridge", {"alpha": 2})
    same = load_settings(sets=["model.regressor=RandomForestRegressor"], environ={}).model
    assert same.params == {"n_estimators": 300, "max_features": 0.4}


@pytest.mark.parametrize(
    "variable",
    ["HOUSING_SERVICE_HOST", "HOUSING_SERVICE_PORT", "HOUSING_PORT_80_TCP_ADDR",
     "HOUSING_API_SERVICE_HOST", "HOUSING_API_PORT_8000_TCP"],
)  # fmt: skip
def test_what_kubernetes_sets_for_a_service_is_no_setting(variable: str) -> None:
    assert load_settings(environ={variable: "10.0.0.1"}) == load_settings(environ={})
    for port in ("HOUSING_PORT", "HOUSING_API_PORT", "HOUSING_SERVE_PORT"):
        links = {port: "tcp://10.0.0.1:80"}
        assert load_settings(environ=links) == load_settings(environ={})


def test_a_key_is_never_repeated_in_a_message() -> None:
    with pytest.raises(HousingError) as raised:
        load_settings(environ={"HOUSING_API_KEYS": "[1, 'secret']"})
    assert "secret" not in raised.value.message


@given(
    st.sampled_from(_all_keys()),
    st.one_of(st.text(max_size=20), st.integers().map(str), st.floats().map(str)),
)
def test_any_text_is_a_setting_or_a_known_error(key: tuple[str, str], text: str) -> None:
    for source in ("variable", "set"):
        try:
            if source == "set":
                settings = load_settings(sets=[f"{key[0]}.{key[1]}={text}"], environ={})
            else:
                settings = load_settings(environ={f"HOUSING_{key[0]}_{key[1]}".upper(): text})
        except HousingError as error:
            assert error.hint
        else:
            assert set(SECTIONS) <= set(settings.__struct_fields__)


@pytest.mark.parametrize("value", ["", ",", " , ", "[]"])
def test_a_variable_of_keys_without_a_key_does_not_open_the_api(value: str) -> None:
    with pytest.raises(ConfigError, match="holds no key"):
        load_settings(environ={"HOUSING_API_KEYS": value})
    with pytest.raises(ConfigError, match="holds no key"):
        load_settings(environ={"HOUSING_REGISTRY_TRUSTED_KEYS": value})


def test_a_settings_file_of_a_newer_format_is_refused_by_name(workshop: Path) -> None:
    (workshop / "new.toml").write_text("format = 2\n[train]\nseed = 1\n")
    with pytest.raises(ConfigError, match=r"`new.toml` has format 2, and this program knows 1"):
        load_settings("new.toml", environ={})


@pytest.mark.parametrize("format_", ["1", "0", '"1"', "true"])
def test_only_a_whole_number_is_a_format(format_: str, workshop: Path) -> None:
    (workshop / "some.toml").write_text(f"format = {format_}\n[train]\nseed = 7\n")
    if format_ == "1":
        assert load_settings("some.toml", environ={}).train.seed == 7
    else:
        with pytest.raises(ConfigError, match=r"`format` in `some.toml` is no whole number"):
            load_settings("some.toml", environ={})
