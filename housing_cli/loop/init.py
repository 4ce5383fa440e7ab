"""Make a settings file for a table: look at its columns, choose the features, write, try it."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import load_settings
from housing_cli.config.sources import CONFIG_VARIABLE, DEFAULT_FILE
from housing_cli.config.written import Described, Line, settings_text
from housing_cli.data.checks import check_target, numbers_of
from housing_cli.data.copies import keys_of
from housing_cli.data.foreign import Foreign, open_foreign
from housing_cli.data.guesses import init_command, likely_targets, plain
from housing_cli.data.profile import Column, Profile, profile_of
from housing_cli.data.reading import Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import read_table
from housing_cli.errors import ConfigError, DataError, HousingError, UsageError
from housing_cli.files import reason
from housing_cli.registry import open_reader
from housing_cli.words import counted, share

Floats = NDArray[np.float64]

_SHOWN = 6
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Initiated:
    """A settings file that was written, and what was found in its table.

    rows: of the file, of which `unpriced` have no target and `repeated` equal an earlier one.
    config: what `--config` must name in the commands that follow, `None` where they find it.
    spread: the price that 1 % are above by the one that 1 % are below.
    """

    path: str
    name: str
    target: str
    file: Path
    config: Path | None
    registry: str
    log: str
    rows: int
    unpriced: int
    repeated: int
    columns: Sequence[Column]
    reading: Reading
    spread: float

    @property
    def features(self) -> list[str]:
        """Return the names of the features, in the order of the file."""
        return [column.name for column in self.columns if not column.left_out]


def init(
    path: Path,
    target: str | None,
    *,
    name: str | None = None,
    file: Path | None = None,
    force: bool = False,
) -> Initiated:
    """Write a settings file for the table in `path`.

    name: of registry, log and file; by default the table's. file: where to write; by default
    `configs/NAME.toml`, or the file that every command reads where there is none. force: replace
    what is there. Raises `UsageError` for a target that is none, `DataError`, `ConfigError`.
    """
    if not path.exists():
        raise DataError(f"`{path}` does not exist", "give a CSV, Parquet or Excel file")
    if not path.is_file() and not path.is_dir():
        raise DataError(f"`{path}` is a pipe or a device", "settings name a file: save it as one")
    opened = open_foreign(path, target)
    target = _target(opened, target)
    chosen = _name(path, name)
    config = file or _place(chosen, named=name is not None)
    if config.exists() and not force:
        raise _there(config)
    (columns, place, reading), unreadable = opened.readable(target)
    prices = numbers_of(columns[target], target, path, place)
    known = ~np.isnan(prices)
    check_target(prices, known, FeatureSchema((), target), path, place)
    others = {column: values for column, values in columns.items() if column != target}
    profile = profile_of(others, prices, path, place)
    if not profile.numbers:
        raise DataError(
            f"`{path}` has no column left to learn from beside `{target}`",
            "give a table with columns that describe the houses",
        )
    found = Initiated(
        str(path), chosen, target, config, config if file or config != DEFAULT_FILE else None,
        _registry(chosen), f"csv:logs/{chosen}", len(prices), int((~known).sum()),
        _repeated(profile, prices), _in_order(opened.header, profile, unreadable, target), reading,
        _spread(prices[known]),
    )  # fmt: skip
    text = settings_text(_described(found))
    _try(text)
    _write(config, text, force=force)
    return found


def _target(opened: Foreign, target: str | None) -> str:
    """Return the target's name. Raises `UsageError` that names the likely ones."""
    names = [name for name in opened.header if name]
    likely = likely_targets(names)
    evidence = {"columns": names, "likely_targets": likely}
    listed = ", ".join(f"`{name}`" for name in (likely or names)[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if not likely and len(names) > _SHOWN else ""
    if target is None:
        word = "likely" if likely else "it has"
        raise UsageError(
            f"`--target` is missing: which column of `{opened.path}` holds the prices?",
            f"{word} {listed}{more}: "
            f"`{init_command(opened.path, likely[0] if likely else 'COLUMN')}`",
            evidence,
        )
    if target in names:
        return target
    folded = {plain(name): name for name in names}
    close = get_close_matches(plain(target), folded, n=1, cutoff=0.7)
    meant = f"did you mean `{folded[close[0]]}`?" if close else f"it has {listed}{more}"
    raise UsageError(f"`{opened.path}` has no column `{target}`", meant, evidence)


def _name(path: Path, name: str | None) -> str:
    """Return what registry, log and file are called."""
    if name is not None:
        if not _NAME.fullmatch(name) or name.endswith("."):
            raise UsageError(
                f"`--name {name}` cannot be a folder's name",
                "use letters, digits, `-` and `_`",
            )
        return name
    stem = re.sub(
        r"(\.(csv|tsv|txt|parquet|pq|xlsx|xlsm|gz))+$", "", path.name, flags=re.IGNORECASE
    )
    return re.sub(r"[^a-z0-9]+", "-", plain(stem).replace("_", "-")).strip("-") or "houses"


def _place(name: str, *, named: bool) -> Path:
    """Return the file to write: the one that every command reads, where nobody uses it yet."""
    own = DEFAULT_FILE.with_name(f"{name}.toml")
    if named or os.environ.get(CONFIG_VARIABLE):
        return own
    if _is_of(DEFAULT_FILE, name):
        return DEFAULT_FILE
    if DEFAULT_FILE.exists() or own.exists():
        return own
    try:
        used = bool(open_reader(load_settings()).names())
    except HousingError:
        used = True
    return own if used else DEFAULT_FILE


def _is_of(file: Path, name: str) -> bool:
    """Return whether a settings file was written for the table of this name."""
    try:
        return file.exists() and load_settings(file, environ={}).registry.path == _registry(name)
    except HousingError:
        return False


def _registry(name: str) -> str:
    return f"artifacts/{name}"


def _in_order(
    header: Sequence[str], profile: Profile, unreadable: dict[str, str], target: str
) -> list[Column]:
    """Return every column of the file but the target, as often as it stands there."""
    known = {column.name: column for column in profile.columns}
    known |= {name: Column(name, left_out=why) for name, why in unreadable.items()}
    found: list[Column] = []
    for name in header:
        if name == target:
            continue
        if not name:
            found.append(Column("", left_out="a column without a name: an index"))
        elif header.count(name) == 1:
            found.append(known[name])
        else:
            found.append(Column(name, left_out="stands there more than once"))
    return found


def _repeated(profile: Profile, prices: Floats) -> int:
    """Return how many rows are like an earlier one in every feature and the price."""
    rows = np.column_stack([*profile.numbers.values(), prices])
    return len(rows) - len(set(keys_of(rows)))


def _spread(prices: Floats) -> float:
    low, high = np.quantile(prices, (0.01, 0.99))
    return float(high / low)


def _described(found: Initiated) -> Described:
    title = [
        f"Settings for {found.path}: {counted(found.rows, 'row')}, "
        f"{counted(len(found.columns) + 1, 'column')}, written by",
        f"    {init_command(Path(found.path), found.target)}",
    ]
    if found.config is not None:
        title.append(f"Every command takes them by `--config {shlex.quote(str(found.config))}`.")
    title.append("What is not named here has its default: `housing status --settings` shows it.")
    units = found.reading.units
    own = {found.target, *(c.name for c in found.columns if not c.left_out)}
    return Described(
        title,
        found.path,
        Line(found.target, f"in {units[found.target]}" if found.target in units else ""),
        [Line(c.name, about(c, units.get(c.name, ""))) for c in found.columns if not c.left_out],
        [Line(c.name, c.left_out) for c in found.columns if c.left_out],
        {c.name: c.kind for c in found.columns if not c.left_out and c.said},
        found.rows,
        found.registry,
        found.log,
        found.spread,
        {name: unit for name, unit in units.items() if name in own},
    )


def about(column: Column, unit: str = "") -> str:
    """Return what a column is, in few words."""
    said = column.kind
    if column.kind == "category":
        said += f" of {counted(column.distinct, 'word')}"
    if unit:
        said += f" in {unit}"
    if column.said:
        said += f": {column.said}"
    return said + (f", {share(column.missing)} missing" if column.missing else "")


def _there(file: Path) -> ConfigError:
    return ConfigError(
        f"`{file}` is there already", "`--force` replaces it, `--name` writes another one"
    )


def _try(text: str) -> None:
    """Read the table by the settings. Raises `HousingError` as the next command would."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        settings = load_settings(file.name)
    read_table(settings.data.path, settings.schema(), settings.data.kinds)


def _write(file: Path, text: str, *, force: bool) -> None:
    """Write the settings in one step, whoever else writes there. Raises `ConfigError`."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(text, encoding="utf-8")
            if force:
                temporary.replace(file)
            else:
                _link(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"`{file}` cannot be written: {reason(error)}", "name another place by `--config FILE`"
        ) from error


def _link(temporary: Path, file: Path) -> None:
    try:
        os.link(temporary, file)
    except FileExistsError:
        raise _there(file) from None
