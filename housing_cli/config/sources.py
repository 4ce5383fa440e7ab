"""Where settings come from: option > variable > file > built-in default."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from housing_cli.config.problems import ErrorType, blame, check_finite, check_keys, suggest
from housing_cli.config.settings import SECTIONS, Settings, hints
from housing_cli.errors import ConfigError, UsageError
from housing_cli.files import read_input, reason

DEFAULT_FILE = Path("configs/housing.toml")
PREFIX = "HOUSING_"
FORMAT = 1
"""Of the settings file, which may say so with `format = 1` before its first section. It rises where
a key changes its meaning; a key of a newer program is refused as unknown."""
CONFIG_VARIABLE = "HOUSING_CONFIG"

# Kubernetes puts these into every pod beside a Service that is called `housing` (its `_PORT` holds
# a URL).
_SERVICE_LINK = re.compile(r"HOUSING_(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT_\d+_(TCP|UDP|SCTP)\w*)")
_SERVICE_PORT = re.compile(r"HOUSING_(\w+_)?PORT=(tcp|udp|sctp)://.*")

_NOT_EMPTY = {("api", "keys"), ("registry", "trusted_keys")}
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
_LISTED = "`housing status --settings` shows every setting"


def load_settings(
    config: Path | str | None = None,
    overrides: Mapping[str, object] | None = None,
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of one command.

    Args:
        config: the TOML file; by default `HOUSING_CONFIG`, else `configs/housing.toml` if present.
        overrides: dotted keys from options (`{"evaluate.threshold": 0.2}`); `None` means not given.
        sets: `KEY=VALUE` texts of `--set`.
        environ: the environment variables; by default this process's.

    Raises:
        ConfigError: an unknown key or a wrong type in the file or a variable, named.
        UsageError: the same in an option.
    """
    return settings_with_sources(config, overrides, sets, environ)[0]


def settings_with_sources(
    config: Path | str | None = None,
    overrides: Mapping[str, object] | None = None,
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and where each that is no default came from.

    The latter by the setting's name: a file, a variable, or an option. Arguments and errors are
    those of `load_settings`.
    """
    environ = os.environ if environ is None else environ
    merged: dict[str, Any] = {}
    told: dict[str, str] = {}

    def lay(
        layer: dict[str, Any], source: str, error_type: ErrorType, *, deep: bool = False
    ) -> None:
        _apply(merged, layer, source, error_type, deep=deep)
        shown = source.partition("=")[0].replace(
            "`", ""
        )  # not what `--set` gave: it may be a secret
        told.update({f"{name}.{key}": shown for name, keys in layer.items() for key in keys})
        if "model.regressor" in told and "model.params" not in told:
            told["model.params"] = told["model.regressor"]

    file = _config_file(config, environ)
    if file is not None:
        lay(_read_toml(file), f"`{file}`", ConfigError)
    for variable, value in sorted(environ.items()):
        if variable.startswith(PREFIX) and variable != CONFIG_VARIABLE:
            section, key = _split_variable(variable, value)
            if section:
                parsed = _parse_text(section, key, value)
                if (section, key) in _NOT_EMPTY and not parsed:
                    # A secret that came out empty must not open the API, nor trust every version.
                    raise ConfigError(
                        f"variable `{variable}` holds no key", "name at least one, or unset it"
                    )
                lay({section: {key: parsed}}, f"variable `{variable}`", ConfigError)
    # Another regressor starts without parameters: it comes before those that are given beside it.
    # What is said of features comes after their list.
    for text in sorted(
        sets,
        key=lambda text: (
            not text.startswith("model.regressor"),
            text.startswith(("data.kinds", "data.limits", "data.units")),
        ),
    ):
        layer, deep = _parse_set(text)
        lay(layer, f"`--set {text}`", UsageError, deep=deep)
    for dotted, option in (overrides or {}).items():
        if option is not None:
            layer = _nest(dotted.split("."), option)
            lay(layer, f"`{_option(dotted)}`", UsageError)
    return msgspec.convert(merged, Settings, strict=True), told


def _option(dotted: str) -> str:
    """Return `--min-samples` for `evaluate.min_samples`."""
    if dotted == "evaluate.false_alarms_per_year":
        return "--budget"
    name = dotted if dotted == "data.path" else dotted.partition(".")[2]
    return "--" + name.replace("_", "-").replace(".", "-")


def _config_file(config: Path | str | None, environ: Mapping[str, str]) -> Path | None:
    named = config or environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _text(raw: bytes) -> str:
    text = raw.decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        read = tomllib.loads(_text(read_input(file)))
    except FileNotFoundError:
        raise ConfigError(
            f"settings file `{file}` does not exist", "check `--config` and `HOUSING_CONFIG`"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = reason(error) if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            f"settings file `{file}` cannot be read: {why}", "give a TOML file that you may read"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"settings file `{file}` is not valid TOML: {reason(error)}",
            'write sections as `[train]` and values as `seed = 42` or `path = "a.csv"`',
        ) from error
    _check_format(file, read.pop("format", FORMAT))
    return read


def _check_format(file: Path, found: object) -> None:
    """Raise `ConfigError` for a file whose keys may mean something else by now."""
    if type(found) is not int or found < 1:
        raise ConfigError(f"`format` in `{file}` is no whole number above 0", f"write {FORMAT}")
    if found > FORMAT:
        raise ConfigError(
            f"settings file `{file}` has format {found}, and this program knows {FORMAT}",
            "use the newer `housing` that it was written for",
        )


def _split_variable(variable: str, value: str) -> tuple[str, str]:
    section, _, key = variable.removeprefix(PREFIX).lower().partition("_")
    link = _SERVICE_LINK.fullmatch(variable) or _SERVICE_PORT.fullmatch(f"{variable}={value}")
    if link:
        return "", ""
    if section in SECTIONS and key in SECTIONS[section].__struct_fields__:
        return section, key
    known = [f"{PREFIX}{s}_{k}".upper() for s, k in _all_keys()]
    raise ConfigError(
        f"variable `{variable}` is not a setting",
        suggest(variable, known) or f"unset it; {_LISTED}",
    )


def _parse_text(section: str, key: str, text: str) -> object:
    """Read the text of a variable or of `--set` as the type that the setting has."""
    kinds, words = set(_kinds(hints(section)[key])), text.strip()
    if tuple in kinds:
        if words.startswith("["):
            return _toml_value(words)
        return [part.strip() for part in words.split(",") if part.strip()]
    if dict in kinds or words[:1] in {'"', "'"}:
        return _toml_value(words)
    if bool in kinds and words.lower() in _TRUE | _FALSE:
        return words.lower() in _TRUE
    for number in (int, float):
        if number in kinds:
            try:
                return number(words)
            except ValueError:
                pass
    return text


def variable_of(section: str, key: str, value: object) -> tuple[str, str]:
    """Return the variable that gives a setting this value, and its text; value: no `None`."""
    name = f"{PREFIX}{section}_{key}".upper()
    return name, value if isinstance(value, str) else _toml_text(value)


def _toml_text(value: object) -> str:
    """Return a value as TOML has it, on one line."""
    if isinstance(value, Mapping):
        parts = (f"{_toml_text(k)} = {_toml_text(v)}" for k, v in value.items() if v is not None)
        return f"{{{', '.join(parts)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml_text, value))}]"
    # A text of JSON is one of TOML, and so are numbers and the words for yes and no.
    return msgspec.json.encode(value).decode()


def _kinds(hint: Any) -> Iterator[type]:
    """Yield the plain types that a setting may have: `str` and `int` for `str | int`."""
    origin = get_origin(hint)
    if origin is Annotated:
        yield from _kinds(get_args(hint)[0])
    elif origin in {Union, UnionType}:
        for part in get_args(hint):
            yield from _kinds(part)
    elif origin is Literal:
        yield str
    else:
        yield origin or hint


def _toml_value(text: str) -> object:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def _parse_set(text: str) -> tuple[dict[str, Any], bool]:
    """Return the layer that `KEY=VALUE` gives, and whether it is one entry of a table."""
    dotted, equals, value = text.partition("=")
    path = dotted.strip().split(".")
    if not equals or len(path) < 2 or not all(path):  # noqa: PLR2004
        raise UsageError(
            f"`--set {text}` is not of the form SECTION.KEY=VALUE",
            "for example `--set model.params.n_estimators=500`",
        )
    section, key, *entry = path
    known = section in SECTIONS and key in SECTIONS[section].__struct_fields__
    typed = known and not entry
    parsed = _parse_text(section, key, value) if typed else _toml_value(value.strip())
    return _nest(path, parsed), bool(entry)


def _nest(path: list[str], value: object) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    return value  # type: ignore[return-value]


def _apply(
    merged: dict[str, Any],
    layer: dict[str, Any],
    source: str,
    error_type: ErrorType,
    *,
    deep: bool = False,
) -> None:
    """Lay `layer` over `merged`, and blame `source` where the outcome is no valid setting.

    deep: an entry joins the table that it belongs to instead of replacing it.
    """
    check_keys(layer, source, error_type)
    check_finite(layer, source, error_type)
    for section, values in layer.items():
        target = merged.setdefault(section, {})
        # What was laid so far is valid; a default may depend on it.
        before = msgspec.structs.asdict(msgspec.convert(target, SECTIONS[section]))
        for key, value in values.items():
            if deep and isinstance(before[key], dict) and isinstance(value, dict):
                target[key] = {**before[key], **value}
            else:
                target[key] = list(value) if isinstance(value, tuple) else value
        if values.get("regressor", before.get("regressor")) != before.get("regressor"):
            target["params"] = values.get("params", {})
    try:
        msgspec.convert(merged, Settings, strict=True)
    except msgspec.ValidationError as error:
        raise blame(error, merged, source, error_type) from None


def _all_keys() -> list[tuple[str, str]]:
    return [(s, key) for s, struct in SECTIONS.items() for key in struct.__struct_fields__]
