"""What is wrong with a setting is said in words: which, what it is, what it may be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from housing_cli.config import Settings
from housing_cli.config.problems import blame, check_finite, check_keys, suggest
from housing_cli.errors import ConfigError, UsageError


def blamed(section: str, key: str, value: object) -> ConfigError | UsageError:
    """Return the error for one wrong value."""
    merged = {section: {key: value}}
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(merged, Settings)
    return blame(raised.value, merged, "here", ConfigError)


@pytest.mark.parametrize(
    ("section", "key", "value", "said", "hint"),
    [
        ("train", "folds", "x", '`"x"` but must be a whole number of at least 2', "`5`"),
        ("train", "tune", 10_001, "a whole number of at least 0 and at most 10000", "`0`"),
        ("evaluate", "confidence", 1.5, "a number above 0 and below 1", "it may be left out"),
        ("evaluate", "metric", "x", "`rmse` or `mae`", '`"rmse"`'),
        ("evaluate", "window", [1], "`[1]` but must be text or a whole number", '`"30d"`'),
        ("serve", "access_log", 1, "`1` but must be `true` or `false`", "`false`"),
        ("data", "features", [], "`[]` but must be a list of names that is not empty", "CRIM"),
        (
            "data",
            "kinds",
            {"RM": "word"},
            '`{RM = "word"}` but must be a table of `NAME = KIND`, ',
            "`{}`",
        ),
        ("data", "limits", {"RM": 1}, "`{RM = 1}` but must be a table of `NAME = [", "`{}`"),
        (
            "data",
            "units",
            {"AGE": "%", "RM": 1},
            '`{RM = 1}` but must be a table of `NAME = "',
            "be left out",
        ),
        ("model", "params", True, "`true` but must be a table", "n_estimators = 300"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_may_be(
    section: str, key: str, value: object, said: str, hint: str
) -> None:
    error = blamed(section, key, value)
    assert error.message.startswith(f"here: `{section}.{key}` is ") and said in error.message
    assert hint in error.hint


@pytest.mark.parametrize(("section", "key"), [("api", "keys"), ("log", "url")])
def test_a_value_that_may_hold_a_password_is_not_repeated(section: str, key: str) -> None:
    error = blamed(section, key, [7, "hunter2"])
    assert f"`{section}.{key}` must be" in error.message
    assert "hunter2" not in error.message + error.hint


def test_the_check_of_a_whole_section_speaks_for_itself() -> None:
    error = blamed("data", "features", ["a", "a"])
    assert error.message == "here: column `a` is named twice"
    assert "housing status --settings" in error.hint


@pytest.mark.parametrize("error_type", [ConfigError, UsageError])
def test_an_error_is_of_the_kind_that_its_source_asks_for(error_type: Any) -> None:
    with pytest.raises(error_type):
        check_keys({"nowhere": {}}, "here", error_type)
    with pytest.raises(error_type):
        check_finite(float("nan"), "here", error_type, ("a", "b"))


@pytest.mark.parametrize(
    ("layer", "message", "hint"),
    [
        ({"trian": {}}, "unknown section `trian`", "did you mean `train`?"),
        ({"zzz": {}}, "unknown section `zzz`", "the sections are data, model,"),
        ({"train": 3}, "`train` is a section, not a value", "under `[train]`"),
        ({"train": {"sede": 1}}, "unknown key `train.sede`", "did you mean `seed`?"),
        ({"registry": {"zzz": 1}}, "unknown key `registry.zzz`", "are path, lock_timeout"),
    ],
)
def test_a_key_that_no_setting_has_is_refused(layer: Any, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_keys(layer, "here", ConfigError)
    assert raised.value.message == f"here: {message}" and hint in raised.value.hint


def test_known_keys_pass_whatever_their_values() -> None:
    check_keys({"train": {"seed": "not judged here"}, "log": {}}, "here", ConfigError)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_is_found_however_deep_it_lies(value: float) -> None:
    with pytest.raises(ConfigError, match=f"here: `data.limits.RM` is `{value}`"):
        check_finite({"data": {"limits": {"RM": [1.0, value]}}}, "here", ConfigError)


def test_finite_values_and_texts_pass() -> None:
    check_finite({"a": {"b": [1, 2.5, None, "nan", True]}}, "here", ConfigError)


def test_a_word_is_proposed_only_where_it_is_close() -> None:
    assert suggest("sede", ("seed", "folds")) == "did you mean `seed`?"
    assert suggest("seed", ()) == suggest("zzz", ("seed", "folds")) == ""
